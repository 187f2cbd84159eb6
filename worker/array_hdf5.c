/* array_hdf5.c - see array_hdf5.h. The HDF5 library is not safe for threads: it is used while a
 * data set is opened, never to fetch samples. They come from an extent instead: on the file
 * itself where a dataset is contiguous, else on a temporary file into which the dataset is
 * unpacked once per data set that is opened, in pieces. */
#include "worker/array_hdf5.h"

#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum {
    PIECE = 16 << 20,      /* bytes that are unpacked at once */
    MAX_CHUNK = 256 << 20, /* bytes; the library holds a whole one */
    CHUNK_SLOTS = 521,
    MAX_RATIO = 1032, /* deflate never packs better */
    MAX_DEPTH = 8,    /* groups within groups that are looked into */
};

struct array_hdf5 {
    hid_t file, dataset, type;
    struct npy npy;
    int64_t file_bytes;
    char path[512], name[EXTENT_NAME];
};

static herr_t keep_innermost(unsigned n, const H5E_error2_t *message, void *reason)
{
    if (n == 0) snprintf(reason, 128, "%s", message->desc);
    return 0;
}

/* Right after the call that failed. */
static enum err_code failed(const struct array_hdf5 *h, const char *what, struct err *e)
{
    char reason[128] = "no reason given";
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, keep_innermost, reason);
    return ERR(e, ERR_FORMAT, "%s: %s (HDF5: %s)", h->name, what, reason);
}

/* ---- opening ---- */

/* The name that NumPy gives the element type; false: none is known. */
static bool type_name(hid_t type, char name[8])
{
    static const size_t exponent[9] = {[2] = 5, [4] = 8, [8] = 11};
    size_t bytes = H5Tget_size(type), sign, at, digits, fraction_at, fraction;
    if (bytes < 1 || bytes > 8 || H5Tget_precision(type) != 8 * bytes) return false;
    if (H5Tget_class(type) == H5T_INTEGER) {
        snprintf(name, 8, "%c%c%d", bytes == 1 ? '|' : '<',
                 H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i', (int)bytes);
        return true;
    }
    if (H5Tget_class(type) != H5T_FLOAT ||
        H5Tget_fields(type, &sign, &at, &digits, &fraction_at, &fraction) < 0)
        return false;
    snprintf(name, 8, "<f%d", (int)bytes);
    return digits == exponent[bytes] && fraction == sign - digits && fraction_at == 0 &&
           sign == 8 * bytes - 1;
}

static enum err_code type_read(struct array_hdf5 *h, struct err *e)
{
    char name[8];
    h->type = H5Dget_type(h->dataset);
    if (h->type < 0) return failed(h, "no element type", e);
    if (H5Tget_size(h->type) > 1 && H5Tget_order(h->type) == H5T_ORDER_BE)
        return ERR(e, ERR_FORMAT, "%s: big-endian elements; save them little-endian", h->name);
    int row = type_name(h->type, name) ? table_find(&npy_types, name) : -1;
    if (row < 0)
        return ERR(
            e, ERR_FORMAT,
            "%s: element type not known: integers of 1, 2, 4, 8 bytes and IEEE floats of "
            "2, 4, 8 bytes are",
            h->name);
    h->npy.type = (const struct npy_type *)table_row(&npy_types, row);
    return ERR_OK;
}

static enum err_code sizes_read(struct array_hdf5 *h, struct err *e)
{
    hsize_t size[H5S_MAX_RANK];
    hid_t space = H5Dget_space(h->dataset);
    if (space < 0) return failed(h, "no sizes", e);
    int n = H5Sget_simple_extent_type(space) == H5S_SIMPLE
                ? H5Sget_simple_extent_dims(space, size, NULL)
                : 0;
    H5Sclose(space);
    if (n < 1 || n > NPY_MAX_DIMS)
        return ERR(e, ERR_FORMAT, "%s: %d dimensions; 1 to %d are known", h->name, n,
                   NPY_MAX_DIMS);
    h->npy.n_dims = n;
    int64_t bytes = h->npy.type->bytes;
    for (int i = 0; i < n; i++) {
        if (size[i] == 0) return ERR(e, ERR_FORMAT, "%s: no elements", h->name);
        h->npy.size[i] = (int64_t)size[i];
        if (size[i] > INT64_MAX || __builtin_mul_overflow(bytes, (int64_t)size[i], &bytes))
            return ERR(e, ERR_FORMAT, "%s: sizes whose product is too large", h->name);
    }
    if (bytes / MAX_RATIO > h->file_bytes)
        return ERR(e, ERR_FORMAT, "%s: %lld bytes of elements in a file of %lld cannot be",
                   h->name, (long long)bytes, (long long)h->file_bytes);
    h->npy.count = bytes / h->npy.type->bytes;
    return ERR_OK;
}

static enum err_code layout_check(struct array_hdf5 *h, struct err *e)
{
    hsize_t size[H5S_MAX_RANK];
    double bytes = (double)h->npy.type->bytes;
    hid_t plist = H5Dget_create_plist(h->dataset);
    int n = plist >= 0 && H5Pget_layout(plist) == H5D_CHUNKED
                ? H5Pget_chunk(plist, H5S_MAX_RANK, size)
                : 0;
    if (plist >= 0) H5Pclose(plist);
    for (int i = 0; i < n; i++) bytes *= (double)size[i];
    if (bytes > MAX_CHUNK)
        return ERR(e, ERR_FORMAT, "%s: chunks of %.0f bytes; at most %d are read at once",
                   h->name, bytes, MAX_CHUNK);
    return ERR_OK;
}

static enum err_code dataset_open(struct array_hdf5 *h, const char *name, struct err *e)
{
    snprintf(h->name, sizeof h->name, "%s", h->path);
    h->file = H5Fopen(h->path, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (h->file < 0) return failed(h, "not readable as HDF5", e);
    snprintf(h->name, sizeof h->name, "%s: dataset %s", h->path, name);
    hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
    H5Pset_chunk_cache(access, CHUNK_SLOTS, 4 * PIECE, H5D_CHUNK_CACHE_W0_DEFAULT);
    h->dataset = H5Dopen2(h->file, name, access);
    enum err_code rc = h->dataset < 0 ? failed(h, "not there", e) : ERR_OK;
    H5Pclose(access);
    TRY(rc);
    TRY(type_read(h, e));
    TRY(sizes_read(h, e));
    return layout_check(h, e);
}

enum err_code array_hdf5_open(const char *path, const char *name, struct npy *npy,
                              struct array_hdf5 **out, struct err *e)
{
    struct stat st;
    *out = NULL;
    struct array_hdf5 *h = calloc(1, sizeof *h);
    if (!h) return ERR(e, ERR_NOMEM, "opening %s", path);
    h->file = h->dataset = h->type = -1;
    snprintf(h->path, sizeof h->path, "%s", path);
    h->file_bytes = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
    enum err_code rc;
    H5E_BEGIN_TRY
    {
        rc = dataset_open(h, name, e);
    }
    H5E_END_TRY;
    if (rc != ERR_OK) {
        array_hdf5_close(h);
        return rc;
    }
    *npy = h->npy;
    *out = h;
    return ERR_OK;
}

void array_hdf5_close(struct array_hdf5 *h)
{
    if (h->type >= 0) H5Tclose(h->type);
    if (h->dataset >= 0) H5Dclose(h->dataset);
    if (h->file >= 0) H5Fclose(h->file);
    free(h);
}

const char *array_hdf5_name(const struct array_hdf5 *h)
{
    return h->name;
}

/* ---- names ---- */

/* On the way through the groups of a file. One may hold itself: there are bounds. */
struct listing {
    const char *path;
    struct array_names *names;
    char at[ARRAY_NAME]; /* "encoder/" */
    int depth, groups;
    enum err_code rc;
    struct err *e;
};

static herr_t list_group(hid_t at, const char *name, struct listing *l);

static herr_t list_link(hid_t group, const char *name, const H5L_info_t *link, void *self)
{
    struct listing *l = self;
    H5O_info_t info;
    size_t length = strlen(l->at), more = strlen(name);
    if (link->type != H5L_TYPE_HARD) return 0;
    if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
    if (length + more + 2 > sizeof l->at) {
        l->rc =
            ERR(l->e, ERR_FORMAT, "%s: the name of %s%.100s is too long", l->path, l->at, name);
        return -1;
    }
    herr_t rc = 0;
    memcpy(l->at + length, name, more + 1);
    if (info.type == H5O_TYPE_DATASET) {
        l->rc = array_names_add(l->names, l->path, l->at, l->e);
        rc = l->rc == ERR_OK ? 0 : -1;
    } else if (info.type == H5O_TYPE_GROUP) {
        memcpy(l->at + length + more, "/", 2);
        rc = list_group(group, name, l);
    }
    l->at[length] = '\0';
    return rc;
}

static herr_t list_group(hid_t at, const char *name, struct listing *l)
{
    hid_t group = H5Gopen2(at, name, H5P_DEFAULT);
    if (group < 0) return -1;
    if (++l->depth > MAX_DEPTH || ++l->groups > ARRAY_MAX_NAMES) {
        l->rc =
            ERR(l->e, ERR_FORMAT, "%s: too many groups within groups, at %s", l->path, l->at);
        H5Gclose(group);
        return -1;
    }
    unsigned order = 0;
    hid_t made = H5Gget_create_plist(group);
    H5Pget_link_creation_order(made, &order);
    H5Pclose(made);
    bool ordered = order & H5P_CRT_ORDER_INDEXED;
    if (l->depth == 1) l->names->ordered = ordered;
    herr_t rc = H5Literate(group, ordered ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME, H5_ITER_INC,
                           NULL, list_link, l);
    H5Gclose(group);
    l->depth--;
    return rc;
}

enum err_code array_names_hdf5(const char *path, struct array_names *out, struct err *e)
{
    struct array_hdf5 h = {.file = -1};
    struct listing l = {.path = path, .names = out, .e = e};
    H5E_BEGIN_TRY
    {
        snprintf(h.name, sizeof h.name, "%s", path);
        h.file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
        if (h.file < 0)
            l.rc = failed(&h, "not readable as HDF5", e);
        else if (list_group(h.file, "/", &l) < 0 && l.rc == ERR_OK)
            l.rc = failed(&h, "listing its datasets failed", e);
        if (h.file >= 0) H5Fclose(h.file);
    }
    H5E_END_TRY;
    return l.rc;
}

/* ---- reading ---- */

enum err_code array_hdf5_rows(struct array_hdf5 *h, int64_t first, int64_t n, void *out,
                              struct err *e)
{
    hsize_t start[NPY_MAX_DIMS] = {(hsize_t)first}, count[NPY_MAX_DIMS] = {(hsize_t)n};
    for (int i = 1; i < h->npy.n_dims; i++) count[i] = (hsize_t)h->npy.size[i];
    enum err_code rc = ERR_OK;
    H5E_BEGIN_TRY
    {
        hid_t space = H5Dget_space(h->dataset);
        hid_t memory = H5Screate_simple(h->npy.n_dims, count, NULL);
        if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) < 0 ||
            H5Dread(h->dataset, h->type, memory, space, H5P_DEFAULT, out) < 0)
            rc = failed(h, "reading it failed", e);
        H5Sclose(memory);
        H5Sclose(space);
    }
    H5E_END_TRY;
    return rc;
}

/* Where in the file the elements lie in one piece; -1: nowhere. */
static int64_t place(struct array_hdf5 *h)
{
    haddr_t at = HADDR_UNDEF;
    H5E_BEGIN_TRY
    {
        hid_t plist = H5Dget_create_plist(h->dataset);
        if (plist >= 0 && H5Pget_layout(plist) == H5D_CONTIGUOUS &&
            H5Pget_external_count(plist) == 0)
            at = H5Dget_offset(h->dataset);
        if (plist >= 0) H5Pclose(plist);
    }
    H5E_END_TRY;
    return at == HADDR_UNDEF || at > INT64_MAX ? -1 : (int64_t)at;
}

static enum err_code unpack(struct array_hdf5 *h, struct extent *out, struct err *e)
{
    int64_t rows = h->npy.size[0], row_bytes = h->npy.count / rows * h->npy.type->bytes;
    int64_t at_once = row_bytes < PIECE ? PIECE / row_bytes : 1;
    if (at_once > rows) at_once = rows;
    char *piece = malloc((size_t)(at_once * row_bytes));
    if (!piece) return ERR(e, ERR_NOMEM, "%s: no memory to unpack it", h->name);
    enum err_code rc = ERR_OK;
    for (int64_t done = 0; rc == ERR_OK && done < rows; done += at_once) {
        int64_t n = rows - done < at_once ? rows - done : at_once;
        rc = array_hdf5_rows(h, done, n, piece, e);
        if (rc == ERR_OK) rc = extent_append(out, piece, n * row_bytes, e);
    }
    free(piece);
    return rc;
}

enum err_code array_hdf5_extent(struct array_hdf5 *h, struct extent *out, struct err *e)
{
    int64_t at = place(h);
    if (at >= 0)
        return extent_part(out, h->path, h->name, at, h->npy.count * h->npy.type->bytes, e);
    TRY(extent_temporary(out, h->name, e));
    enum err_code rc = unpack(h, out, e);
    if (rc != ERR_OK) extent_close(out);
    return rc;
}
