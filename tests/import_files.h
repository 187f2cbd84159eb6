/* import_files.h - files of representations as NumPy, PyTorch and h5py write them, by hand. */
#ifndef SHOAL_TESTS_IMPORT_FILES_H
#define SHOAL_TESTS_IMPORT_FILES_H

#include <stdint.h>

#include "tests/data_files.h"

/* An array to write. Its element k in C order is 0.25 * ((7 k + 3 * seed) % 29) - 2, and as an
 * integer four times that plus 8: no kind of number rounds it. */
struct made {
    const char *name, *type; /* as NumPy calls it, or "bfloat16" */
    int n_dims;
    int64_t size[4];
    bool fortran;
    int seed;
};

static inline int made_int(const struct made *a, int64_t k)
{
    return (int)((7 * k + 3 * a->seed) % 29);
}

static inline bool made_is_int(const struct made *a)
{
    return strchr("iu", a->type[1]) != NULL;
}

static inline float made_float(const struct made *a, int64_t k)
{
    return made_is_int(a) ? (float)made_int(a, k) : 0.25f * (float)made_int(a, k) - 2;
}

static inline int64_t made_count(const struct made *a)
{
    int64_t n = 1;
    for (int i = 0; i < a->n_dims; i++) n *= a->size[i];
    return n;
}

static inline size_t made_element(const struct made *a)
{
    return strcmp(a->type, "bfloat16") == 0 ? 2 : (size_t)(a->type[2] - '0');
}

/* Element k as it lies in a file. */
static inline void made_encode(const struct made *a, int64_t k, unsigned char *to)
{
    float f = made_float(a, k);
    double d = f;
    _Float16 h = (_Float16)f;
    uint64_t whole = (uint64_t)made_int(a, k);
    if (made_is_int(a))
        memcpy(to, &whole, made_element(a));
    else if (strcmp(a->type, "<f8") == 0)
        memcpy(to, &d, 8);
    else if (strcmp(a->type, "<f4") == 0)
        memcpy(to, &f, 4);
    else if (strcmp(a->type, "<f2") == 0)
        memcpy(to, &h, 2);
    else
        memcpy(to, (unsigned char *)&f + 2, 2);
}

/* Place of element k of C order where the first index runs fastest. */
static inline int64_t made_fortran(const struct made *a, int64_t k)
{
    int64_t at = 0, stride = made_count(a);
    for (int i = a->n_dims - 1; i >= 0; i--) {
        stride /= a->size[i];
        at += k % a->size[i] * stride;
        k /= a->size[i];
    }
    return at;
}

static inline size_t made_bytes(const struct made *a, unsigned char *out)
{
    int64_t n = made_count(a);
    for (int64_t k = 0; k < n; k++)
        made_encode(a, k,
                    out + (size_t)(a->fortran ? made_fortran(a, k) : k) * made_element(a));
    return (size_t)n * made_element(a);
}

static inline void made_npy_bytes(const struct made *a, struct file_bytes *out)
{
    char shape[100] = "";
    for (int i = 0; i < a->n_dims; i++)
        snprintf(shape + strlen(shape), sizeof shape - strlen(shape), "%lld, ",
                 (long long)a->size[i]);
    memcpy(out->at, "\x93NUMPY\x01\x00", 8);
    int n = snprintf((char *)out->at + 10, 300,
                     "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", a->type,
                     a->fortran ? "True" : "False", shape);
    size_t header = ((size_t)n + 10 + 1 + 63) / 64 * 64;
    memset(out->at + 10 + n, ' ', header - 10 - (size_t)n);
    out->at[header - 1] = '\n';
    out->at[8] = (unsigned char)(header - 10);
    out->at[9] = (unsigned char)((header - 10) >> 8);
    out->length = header + made_bytes(a, out->at + header);
}

static inline void made_npy(const char *file, const struct made *a, int n)
{
    static struct file_bytes b;
    ck_assert_int_eq(n, 1);
    made_npy_bytes(a, &b);
    file_put(file, b.at, b.length);
}

enum { MADE_MAX = 12 };

static inline void made_zip(const char *file, const struct made *a, int n, zip_int32_t method)
{
    static struct file_bytes b[MADE_MAX];
    char path[512], member[64];
    int code;
    ck_assert_int_le(n, MADE_MAX);
    zip_t *archive = zip_open(scratch_path(file, path), ZIP_CREATE | ZIP_TRUNCATE, &code);
    ck_assert_ptr_nonnull(archive);
    for (int i = 0; i < n; i++) {
        made_npy_bytes(&a[i], &b[i]);
        snprintf(member, sizeof member, "%s.npy", a[i].name);
        zip_source_t *source = zip_source_buffer(archive, b[i].at, b[i].length, 0);
        zip_int64_t index = zip_file_add(archive, member, source, 0);
        ck_assert_int_ge(index, 0);
        zip_set_file_compression(archive, (zip_uint64_t)index, method, 0);
    }
    ck_assert_int_eq(zip_close(archive), 0);
}

static inline void made_npz(const char *file, const struct made *a, int n)
{
    made_zip(file, a, n, ZIP_CM_STORE);
}

static inline void made_npz_deflated(const char *file, const struct made *a, int n)
{
    made_zip(file, a, n, ZIP_CM_DEFLATE);
}

static inline void made_safetensors(const char *file, const struct made *a, int n)
{
    static struct file_bytes b;
    char kind[8];
    size_t data[2] = {0, 0};
    char *text = (char *)b.at + 8;
    int at = sprintf(text, "{");
    for (int i = 0; i < n; i++) {
        data[1] = data[0] + (size_t)made_count(&a[i]) * made_element(&a[i]);
        snprintf(kind, sizeof kind, "%c%d", a[i].type[1] - 32, (int)made_element(&a[i]) * 8);
        bool brain = strcmp(a[i].type, "bfloat16") == 0;
        at += sprintf(text + at, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "",
                      a[i].name, brain ? "BF16" : kind);
        for (int k = 0; k < a[i].n_dims; k++)
            at += sprintf(text + at, "%s%lld", k ? "," : "", (long long)a[i].size[k]);
        at += sprintf(text + at, "],\"data_offsets\":[%zu,%zu]}", data[0], data[1]);
        data[0] = data[1];
    }
    at += sprintf(text + at, "}");
    memcpy(b.at, &(uint64_t){(uint64_t)at}, 8);
    b.length = 8 + (size_t)at;
    for (int i = 0; i < n; i++) b.length += made_bytes(&a[i], b.at + b.length);
    file_put(file, b.at, b.length);
}

static inline hid_t made_h5_type(const struct made *a)
{
    hid_t type = H5Tcopy(made_is_int(a) ? H5T_STD_I64LE : H5T_IEEE_F64LE);
    if (made_is_int(a)) {
        H5Tset_size(type, made_element(a));
        H5Tset_sign(type, a->type[1] == 'u' ? H5T_SGN_NONE : H5T_SGN_2);
    } else if (made_element(a) == 4) {
        H5Tclose(type);
        type = H5Tcopy(H5T_IEEE_F32LE);
    } else if (made_element(a) == 2) {
        H5Tset_fields(type, 15, 10, 5, 0, 10);
        H5Tset_size(type, 2);
        H5Tset_ebias(type, 15);
    }
    return type;
}

/* With the order of making kept, as h5py's track_order; / in a name makes groups. */
static inline void made_hdf5(const char *file, const struct made *a, int n, bool ordered,
                             enum hdf5_layout layout)
{
    static unsigned char raw[1 << 15];
    char path[512];
    hid_t plist = H5Pcreate(H5P_FILE_CREATE), links = H5Pcreate(H5P_LINK_CREATE);
    if (ordered)
        H5Pset_link_creation_order(plist, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_create_intermediate_group(links, 1);
    hid_t f = H5Fcreate(scratch_path(file, path), H5F_ACC_TRUNC, plist, H5P_DEFAULT);
    for (int i = 0; i < n; i++) {
        char group[64];
        const char *slash = strrchr(a[i].name, '/');
        snprintf(group, sizeof group, "%.*s", slash ? (int)(slash - a[i].name) : 0, a[i].name);
        if (slash && H5Lexists(f, group, H5P_DEFAULT) <= 0)
            H5Gclose(H5Gcreate2(f, group, links, H5P_DEFAULT, H5P_DEFAULT));
        hid_t type = made_h5_type(&a[i]);
        hsize_t size[4];
        for (int k = 0; k < a[i].n_dims; k++) size[k] = (hsize_t)a[i].size[k];
        made_bytes(&a[i], raw);
        hdf5_add(f, a[i].name, type, a[i].n_dims, size, layout, raw);
        H5Tclose(type);
    }
    H5Pclose(links);
    H5Pclose(plist);
    H5Fclose(f);
}

static inline void made_h5(const char *file, const struct made *a, int n)
{
    made_hdf5(file, a, n, true, HDF5_CONTIGUOUS);
}

static inline void made_h5_packed(const char *file, const struct made *a, int n)
{
    made_hdf5(file, a, n, true, HDF5_CHUNKED);
}

#endif
