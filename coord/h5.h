/* h5.h - the few shapes of HDF5 calls that a store is made of. Local, all of them. */
#ifndef SHOAL_COORD_H5_H
#define SHOAL_COORD_H5_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

/* Fills e with ERR_IO, the text and HDF5's own reason. Use through H5_ERR. */
enum err_code h5_fail(struct err *e, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define H5_ERR(e, ...) h5_fail(e, __FILE__, __LINE__, __VA_ARGS__)

/* From now on HDF5 prints nothing; H5_ERR tells why a call failed. To be called first. */
void h5_quiet(void);

/* Gives back a handle of any kind; a negative one is fine. */
void h5_release(hid_t id);

/* Opens a store for reading, beside a writer too (no file locks). negative: see H5_ERR. */
hid_t h5_open_read(const char *path);

/* A UTF-8 text type of size bytes, its NUL among them, or H5T_VARIABLE. */
hid_t h5_text_type(size_t size);

/* Attributes are texts of any length, which readers get as strings and not as bytes. */
enum err_code h5_attribute_write(hid_t at, const char *name, const char *text, struct err *e);

/* An attribute that h5_attribute_write made, or NULL. */
char *h5_attribute_read(hid_t at, const char *name, struct arena *arena);

/* Makes a group in which the order of making is kept. negative: see H5_ERR. */
hid_t h5_group_create(hid_t at, const char *name);

/* Makes a contiguous dataset whose place in the file is fixed at once. fill: one element of the
 * type, or NULL to leave what the disk holds. negative: see H5_ERR. */
hid_t h5_dataset_create(hid_t at, const char *name, hid_t type, int n_dims, const hsize_t *dims,
                        const void *fill);

/* Reads or writes the rows first..first+n-1 along the first dimension, all of the others as far
 * as width[] (NULL: all) goes. negative: see H5_ERR. */
herr_t h5_rows_write(hid_t dataset, hid_t mem_type, int64_t first, int64_t n,
                     const hsize_t *width, const void *in);
herr_t h5_rows_read(hid_t dataset, hid_t mem_type, int64_t first, int64_t n, void *out);

/* The dimensions of a dataset, at most max of them; their number, negative when it is no
 * dataset that can be read. */
int h5_dims(hid_t dataset, int max, hsize_t *dims);

/* Names of a group's links in the order they were made; *count of them. NULL: no such group or
 * no memory. */
char **h5_names(hid_t at, const char *group, struct arena *arena, int *count);

#endif
