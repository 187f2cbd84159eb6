/* h5.c - see h5.h. */
#include "coord/h5.h"

#include <stdarg.h>
#include <stdio.h>

enum { MAX_DIMS = 8 };

/* Why the last call that failed did: the calls that clean up after it would forget it. */
static _Thread_local char reason[256];

/* Of a stack of messages, the innermost is nearest to the cause. */
static herr_t keep_innermost(unsigned n, const H5E_error2_t *message, void *unused)
{
    (void)unused;
    if (n == 0) snprintf(reason, sizeof reason, "%s", message->desc);
    return 0;
}

static herr_t keep_reason(hid_t stack, void *unused)
{
    return H5Ewalk2(stack, H5E_WALK_UPWARD, keep_innermost, unused);
}

void h5_quiet(void)
{
    H5Eset_auto2(H5E_DEFAULT, keep_reason, NULL);
}

enum err_code h5_fail(struct err *e, const char *file, int line, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err_fill(e, ERR_IO, file, line, "%s (HDF5: %s)", text,
             *reason ? reason : "no reason given");
    *reason = '\0';
    return ERR_IO;
}

void h5_release(hid_t id)
{
    if (id >= 0) H5Idec_ref(id);
}

hid_t h5_open_read(const char *path)
{
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    H5Pset_file_locking(access, false, true);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    return file;
}

hid_t h5_text_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

enum err_code h5_attribute_write(hid_t at, const char *name, const char *text, struct err *e)
{
    hid_t type = h5_text_type(H5T_VARIABLE), space = H5Screate(H5S_SCALAR);
    hid_t attribute = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    herr_t rc = attribute < 0 ? -1 : H5Awrite(attribute, type, &text);
    enum err_code code = rc < 0 ? H5_ERR(e, "cannot write the attribute '%s'", name) : ERR_OK;
    h5_release(attribute);
    h5_release(space);
    h5_release(type);
    return code;
}

char *h5_attribute_read(hid_t at, const char *name, struct arena *arena)
{
    if (H5Aexists(at, name) <= 0) return NULL;
    char *text = NULL, *lent = NULL;
    hid_t attribute = H5Aopen(at, name, H5P_DEFAULT);
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    if (H5Tis_variable_str(type) > 0 && H5Sget_simple_extent_npoints(space) == 1 &&
        H5Aread(attribute, type, &lent) >= 0 && lent)
        text = arena_text(arena, lent);
    H5free_memory(lent);
    h5_release(space);
    h5_release(type);
    h5_release(attribute);
    return text;
}

hid_t h5_group_create(hid_t at, const char *name)
{
    hid_t made = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(made, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t group = H5Gcreate2(at, name, H5P_DEFAULT, made, H5P_DEFAULT);
    H5Pclose(made);
    return group;
}

hid_t h5_dataset_create(hid_t at, const char *name, hid_t type, int n_dims, const hsize_t *dims,
                        const void *fill)
{
    hid_t made = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(n_dims, dims, NULL);
    H5Pset_layout(made, H5D_CONTIGUOUS);
    H5Pset_alloc_time(made, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(made, fill ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER);
    if (fill) H5Pset_fill_value(made, type, fill);
    hid_t dataset = H5Dcreate2(at, name, type, space, H5P_DEFAULT, made, H5P_DEFAULT);
    h5_release(space);
    H5Pclose(made);
    return dataset;
}

int h5_dims(hid_t dataset, int max, hsize_t *dims)
{
    hid_t space = H5Dget_space(dataset);
    int n = H5Sget_simple_extent_ndims(space);
    if (n > max) n = -1;
    if (n > 0) H5Sget_simple_extent_dims(space, dims, NULL);
    h5_release(space);
    return n;
}

/* The file space with those rows selected; *memory gets a space of their shape. */
static hid_t rows_space(hid_t dataset, int64_t first, int64_t n, const hsize_t *width,
                        hid_t *memory)
{
    hsize_t start[MAX_DIMS] = {(hsize_t)first}, count[MAX_DIMS];
    hid_t space = H5Dget_space(dataset);
    int n_dims = H5Sget_simple_extent_ndims(space);
    *memory = -1;
    if (n_dims < 1 || n_dims > MAX_DIMS) {
        h5_release(space);
        return -1;
    }
    H5Sget_simple_extent_dims(space, count, NULL);
    count[0] = (hsize_t)n;
    for (int i = 1; width && i < n_dims; i++) count[i] = width[i];
    *memory = H5Screate_simple(n_dims, count, NULL);
    if (H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, count, NULL) >= 0) return space;
    h5_release(space);
    return -1;
}

herr_t h5_rows_write(hid_t dataset, hid_t mem_type, int64_t first, int64_t n,
                     const hsize_t *width, const void *in)
{
    hid_t memory, space = rows_space(dataset, first, n, width, &memory);
    herr_t rc = space < 0 ? -1 : H5Dwrite(dataset, mem_type, memory, space, H5P_DEFAULT, in);
    h5_release(memory);
    h5_release(space);
    return rc;
}

herr_t h5_rows_read(hid_t dataset, hid_t mem_type, int64_t first, int64_t n, void *out)
{
    hid_t memory, space = rows_space(dataset, first, n, NULL, &memory);
    herr_t rc = space < 0 ? -1 : H5Dread(dataset, mem_type, memory, space, H5P_DEFAULT, out);
    h5_release(memory);
    h5_release(space);
    return rc;
}

/* What H5Literate collects. */
struct names {
    struct arena *arena;
    char **name;
    int count, capacity;
};

static herr_t add_name(hid_t group, const char *name, const H5L_info_t *info, void *self)
{
    (void)group, (void)info;
    struct names *n = self;
    if (n->count == n->capacity) return -1; /* the group has more links than it said */
    n->name[n->count] = arena_text(n->arena, name);
    return n->name[n->count++] ? 0 : -1;
}

char **h5_names(hid_t at, const char *group, struct arena *arena, int *count)
{
    *count = 0;
    hid_t g = H5Gopen2(at, group, H5P_DEFAULT);
    H5G_info_t info;
    if (g < 0 || H5Gget_info(g, &info) < 0) return NULL;
    struct names n = {.arena = arena, .capacity = (int)info.nlinks};
    n.name = arena_array(arena, (size_t)info.nlinks + 1, sizeof *n.name);
    hid_t made = H5Gget_create_plist(g);
    unsigned order = 0;
    H5Pget_link_creation_order(made, &order);
    H5Pclose(made);
    H5_index_t index = order & H5P_CRT_ORDER_INDEXED ? H5_INDEX_CRT_ORDER : H5_INDEX_NAME;
    herr_t rc = n.name ? H5Literate(g, index, H5_ITER_INC, NULL, add_name, &n) : -1;
    h5_release(g);
    *count = n.count;
    return rc < 0 ? NULL : n.name;
}
