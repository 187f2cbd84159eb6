/* safetensors.h - named tensors in a file: how weights travel between shoal and PyTorch.
 *
 * A file is a length (8 bytes, little-endian), so many bytes of JSON, {"name": {"dtype", "shape",
 * "data_offsets"}}, and the numbers. It is hostile until read: nothing in it is trusted before it
 * is compared with the length of the file.
 *
 * A batch norm of PyTorch has a counter X.num_batches_tracked beside X.running_var. Networks here
 * have none: it is written as 0, and left out when a file is read, so that load_state_dict takes
 * what we write and we take what PyTorch saves.
 *
 * source   https://github.com/huggingface/safetensors */
#ifndef SHOAL_WORKER_SAFETENSORS_H
#define SHOAL_WORKER_SAFETENSORS_H

#include <stdint.h>

#include "worker/npy.h"

enum { SAFETENSORS_MAX_DIMS = 8 };

/* A tensor to write, row-major. */
struct safetensor {
    const char *name;
    int n_dims;
    int64_t size[4];
    const float *data;
};

/* Writes n tensors as F32 to path.new, syncs it and renames it to path. Names differ. Local.
 * errors   ERR_IO, ERR_NOMEM; path is then what it was */
enum err_code safetensors_write(const char *path, int n, const struct safetensor *t,
                                struct err *e);

/* A tensor in a file. */
struct safetensors_entry {
    const char *name;
    int dtype; /* of the file's table */
    int n_dims;
    int64_t size[SAFETENSORS_MAX_DIMS];
    int64_t count; /* numbers */
    int64_t begin; /* their first byte in the file */
};

/* An open file: entries in the order of their data. Counters of batch norms are not among them.
 */
struct safetensors {
    int n;
    const struct safetensors_entry *entry;
    struct safetensors_file *file;
};

/* Opens a file and checks it whole but for the numbers themselves. Local.
 * errors   ERR_IO; ERR_NOMEM; ERR_FORMAT names the file, the tensor or the byte */
enum err_code safetensors_open(const char *path, struct safetensors *out, struct err *e);
void safetensors_close(struct safetensors *s); /* of a zeroed one is fine */

/* The entry of a name, or NULL. Local. */
const struct safetensors_entry *safetensors_find(const struct safetensors *s, const char *name);

/* The type of an entry's numbers, which lie in the file from `begin` on; NULL: truths and floats
 * of one byte. Local. */
const struct npy_type *safetensors_type(const struct safetensors_entry *t);

/* Numbers of an entry of s, out[count]: F32, F64, F16 and BF16, each as the nearest float.
 * Local.
 * errors   ERR_FORMAT if they are of another type; ERR_IO */
enum err_code safetensors_read(const struct safetensors *s, const struct safetensors_entry *t,
                               float *out, struct err *e);

/* "[3, 4]" of a shape. Returns out. */
const char *safetensors_shape(int n_dims, const int64_t *size, char out[192]);

#endif
