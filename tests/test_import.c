/* test_import.c - files of representations of every kind become models of a store, bit by bit;
 * wrong ones are refused and leave nothing; damaged ones never crash. */
#include <inttypes.h>
#include <math.h>

#include "base/rng.h"
#include "coord/import_read.h"
#include "coord/results.h"
#include "tests/import_files.h"

static struct err e;
static struct arena arena;
static struct text warnings;
static const char *const none[] = {NULL};

/* In memory if it can be: a model is synced, which takes long on a disk. */
static void setup(void)
{
    if (access("/dev/shm", W_OK) == 0) setenv("TMPDIR", "/dev/shm", 0);
    scratch_setup();
}

static void teardown(void)
{
    arena_clear(&arena);
    text_clear(&warnings);
    scratch_teardown();
}

static const char *store_path(void)
{
    static char path[512];
    return scratch_path("store.h5", path);
}

/* Imports a file of the scratch folder. layer: NULL-terminated. */
static enum err_code try_import(struct imported_model *m, const char *file, const char *rows,
                                const char *const *layer, bool force)
{
    char path[512];
    struct import_request r = {store_path(), scratch_path(file, path), rows, layer, 0, force};
    while (layer[r.n_layers]) r.n_layers++;
    e = (struct err){0};
    text_clear(&warnings);
    return import_model(&r, m, &warnings, &e);
}

static struct imported_model called(const char *name)
{
    struct imported_model m = {0};
    snprintf(m.name, sizeof m.name, "%s", name);
    return m;
}

static uint64_t imported(const char *name, const char *file)
{
    struct imported_model m = called(name);
    enum err_code rc = try_import(&m, file, NULL, none, true);
    ck_assert_msg(rc == ERR_OK, "%s: %s", file, e.text);
    return m.id;
}

static void refused_as(struct imported_model m, const char *file, const char *rows,
                       const char *const *layer, enum err_code code, const char *words)
{
    enum err_code rc = try_import(&m, file, rows, layer, false);
    ck_assert_msg(rc == code && strstr(e.text, words), "wanted '%s', got %d: %s", words, rc,
                  e.text);
}

static void refused(const char *name, const char *file, enum err_code code, const char *words)
{
    refused_as(called(name), file, NULL, none, code, words);
}

/* No store and no folder of one. */
static bool nothing_written(void)
{
    char path[512];
    return access(store_path(), F_OK) != 0 &&
           access(scratch_path("store.h5.d", path), F_OK) != 0;
}

static struct imported_model found(const char *name)
{
    struct imported_model *all;
    int n;
    ck_assert_msg(imported_list(store_path(), &arena, &all, &n, &e) == ERR_OK, "%s", e.text);
    for (int i = 0; i < n; i++)
        if (strcmp(all[i].name, name) == 0) return all[i];
    ck_abort_msg("no model %s among %d", name, n);
}

static float *layer_of(const struct imported_model *m, int layer)
{
    float *x = arena_array(&arena, (size_t)(m->n * m->d[layer]), sizeof *x);
    ck_assert_msg(imported_read(store_path(), m, layer, x, &e) == ERR_OK, "%s", e.text);
    return x;
}

/* ---- what is kept ---- */

/* Has the model the array's numbers, its layers from `layer` on? Returns the next layer. */
static int same_array(const struct imported_model *m, int layer, const struct made *a)
{
    int64_t d = a->size[a->n_dims - 1], parts = a->n_dims == 3 ? a->size[1] : 1;
    ck_assert_int_eq(m->n, a->size[0]);
    for (int64_t p = 0; p < parts; p++) {
        ck_assert_int_eq(m->d[layer + p], d);
        const float *x = layer_of(m, layer + (int)p);
        for (int64_t i = 0; i < m->n; i++)
            for (int64_t j = 0; j < d; j++)
                ck_assert_msg(x[i * d + j] == made_float(a, (i * parts + p) * d + j),
                              "%s %s: [%d, %d, %d]", a->name, a->type, (int)i, (int)p, (int)j);
    }
    return layer + (int)parts;
}

static const struct kind {
    const char *file;
    void (*put)(const char *file, const struct made *a, int n);
    bool fortran, many;
} kinds[] = {
    {"a.npy", made_npy, true, false},
    {"a.npz", made_npz, true, true},
    {"deflated.npz", made_npz_deflated, true, true},
    {"a.safetensors", made_safetensors, false, true},
    {"a.h5", made_h5, false, true},
    {"packed.hdf5", made_h5_packed, false, true},
};
enum { KINDS = sizeof kinds / sizeof *kinds };

START_TEST(test_every_kind_and_type_keeps_its_numbers)
{
    static const char *const types[] = {"<f4", "<f2", "<f8", "|u1", "|i1",     "<i2",
                                        "<u2", "<i4", "<u4", "<i8", "bfloat16"};
    const struct kind *k = &kinds[_i];
    for (size_t t = 0; t < sizeof types / sizeof *types; t++)
        for (int dims = 2; dims <= 3; dims++)
            for (int fortran = 0; fortran <= k->fortran; fortran++) {
                bool brain = strcmp(types[t], "bfloat16") == 0;
                if (brain && k->put != made_safetensors) continue;
                struct made a = {"x", types[t], dims, {5, 3, 4}, fortran, (int)t};
                k->put(k->file, &a, 1);
                imported("m", k->file);
                struct imported_model m = found("m");
                ck_assert_int_eq(m.n_layers, dims == 3 ? 3 : 1);
                same_array(&m, 0, &a);
            }
}
END_TEST

/* More rows than are read at once. */
START_TEST(test_long_arrays_come_in_pieces)
{
    enum { N = 3000, D = 1000 };
    char path[512];
    float *x = malloc(sizeof *x * N * D);
    for (int i = 0; i < N * D; i++) x[i] = (float)i;
    static const char head[] =
        "{'descr': '<f4', 'fortran_order': False, 'shape': (3000, 1000)}";
    FILE *f = fopen(scratch_path("long.npy", path), "wb");
    fprintf(f, "\x93NUMPY\x01%c%c%c%-117s\n", 0, 118, 0, head);
    fwrite(x, sizeof *x, (size_t)N * D, f);
    fclose(f);
    imported("m", "long.npy");
    struct imported_model m = found("m");
    ck_assert_mem_eq(layer_of(&m, 0), x, sizeof *x * N * D);
    free(x);
}
END_TEST

START_TEST(test_floats_are_kept_bit_by_bit)
{
    static const uint32_t bits[6] = {0x80000000, 1,          0x7f7fffff,
                                     0x7fc01234, 0xff800000, 0x3f800001};
    struct small_array a = {"x", "<f4", "(3, 2)", bits, sizeof bits};
    npy_put(&a, "odd.npy");
    imported("m", "odd.npy");
    struct imported_model m = found("m");
    ck_assert_mem_eq(layer_of(&m, 0), bits, sizeof bits);
    ck_assert_ptr_nonnull(strstr(warnings.at,
                                 "odd.npy: layer layer: 1 NaN and 1 Inf, the first "
                                 "at [1, 1]"));
}
END_TEST

START_TEST(test_numbers_beyond_single_precision_are_refused)
{
    static const double x[6] = {1, -1e39, NAN, 3.5e38, HUGE_VAL, 3.4028235e38};
    struct small_array a = {"x", "<f8", "(3, 2)", x, sizeof x};
    npy_put(&a, "far.npy");
    refused("m", "far.npy", ERR_FORMAT,
            "far.npy: layer layer: 2 of its numbers are beyond single precision, the first at "
            "[0, 1]");
    ck_assert(nothing_written());
}
END_TEST

/* ---- layers ---- */

static const struct made several[] = {{"l.10", "<f4", 2, {6, 3}, false, 1},
                                      {"l.9", "<f2", 3, {6, 2, 2}, false, 2},
                                      {"a", "<f8", 2, {6, 5}, false, 3}};

static void has_layers(const char *name, int n, const char *const *layer)
{
    struct imported_model m = found(name);
    ck_assert_int_eq(m.n_layers, n);
    for (int l = 0; l < n; l++) ck_assert_str_eq(m.layer[l], layer[l]);
}

START_TEST(test_layers_are_in_order)
{
    static const char *const as_made[] = {"l.10", "l.9.0", "l.9.1", "a"};
    static const char *const by_name[] = {"a", "l.9.0", "l.9.1", "l.10"};
    for (int k = 1; k < KINDS; k++) {
        kinds[k].put(kinds[k].file, several, 3);
        imported("m", kinds[k].file);
        has_layers("m", 4, kinds[k].put == made_safetensors ? by_name : as_made);
    }
    made_hdf5("a.h5", several, 3, false, HDF5_CONTIGUOUS);
    imported("m", "a.h5");
    has_layers("m", 4, by_name);
    struct imported_model m = found("m");
    ck_assert_int_eq(same_array(&m, same_array(&m, 0, &several[2]), &several[1]), 3);
    same_array(&m, 3, &several[0]);
}
END_TEST

START_TEST(test_layers_can_be_chosen)
{
    static const char *const choice[] = {"l.9.1", "a", "l.10", NULL};
    static const char *const twice[] = {"a", "a", NULL}, *const gone[] = {"b", NULL};
    static const char *const beyond[] = {"l.9.2", NULL}, *const flat[] = {"a.0", NULL};
    const struct made part = several[1];
    for (int k = 1; k < KINDS; k++) {
        kinds[k].put(kinds[k].file, several, 3);
        struct imported_model m = called("m");
        refused_as(called("m"), kinds[k].file, NULL, twice, ERR_CONFIG,
                   "two layers are called");
        refused_as(called("m"), kinds[k].file, NULL, gone, ERR_CONFIG,
                   "no array 'b'; there are");
        refused_as(called("m"), kinds[k].file, NULL, beyond, ERR_CONFIG,
                   "array 'l.9' is [6, 2, 2]: there is no layer 2 in it");
        refused_as(called("m"), kinds[k].file, NULL, flat, ERR_CONFIG, "no layer 0 in it");
        ck_assert_msg(try_import(&m, kinds[k].file, NULL, choice, true) == ERR_OK, "%s",
                      e.text);
        has_layers("m", 3, choice);
        m = found("m");
        same_array(&m, 1, &several[2]);
        same_array(&m, 2, &several[0]);
        const float *x = layer_of(&m, 0);
        for (int i = 0; i < 12; i++)
            ck_assert(x[i] == made_float(&part, i / 2 * 4 + 2 + i % 2));
        char path[600];
        unlink(imported_path(store_path(), "m", path, sizeof path));
    }
}
END_TEST

START_TEST(test_groups_become_dots)
{
    static const struct made in[] = {{"enc/0", "<f4", 2, {2, 3}, false, 0},
                                     {"enc/1", "<f4", 2, {2, 3}, false, 1}};
    static const char *const names[] = {"enc.0", "enc.1"};
    made_h5("a.h5", in, 2);
    imported("m", "a.h5");
    has_layers("m", 2, names);
    static const struct made clash[] = {{"enc/0", "<f4", 2, {2, 3}, false, 0},
                                        {"enc.0", "<f4", 2, {2, 3}, false, 1}};
    made_h5("clash.h5", clash, 2);
    refused("c", "clash.h5", ERR_CONFIG, "two layers are called 'enc.0'");
}
END_TEST

START_TEST(test_other_shapes_are_refused)
{
    static const struct made a[] = {{"x", "<f4", 2, {6, 3}, false, 1}};
    struct made b = {"y", "<f4", 1, {6}, false, 1};
    for (int k = 0; k < KINDS; k++) {
        struct made both[] = {a[0], b};
        kinds[k].put(kinds[k].file, &b, 1);
        refused("m", kinds[k].file, ERR_SHAPE, "is [6]; representations are [n, d] or");
        if (!kinds[k].many) continue;
        both[1] = (struct made){"y", "<f4", 4, {6, 1, 1, 2}, false, 1};
        kinds[k].put(kinds[k].file, both, 2);
        refused("m", kinds[k].file, ERR_SHAPE, "array 'y' is [6, 1, 1, 2]; ");
        both[1] = (struct made){"y", "<f4", 2, {5, 3}, false, 1};
        kinds[k].put(kinds[k].file, both, 2);
        refused("m", kinds[k].file, ERR_SHAPE, "array 'y' has 5 rows, but 'x' has 6");
    }
    ck_assert(nothing_written());
    file_put("x.csv", "1,2\n", 4);
    refused("m", "x.csv", ERR_CONFIG, "no known kind of file: .npy");
    file_put("x.npz", "PK", 2);
    refused("m", "x.npz", ERR_FORMAT, "x.npz");
    refused("m", "gone.npy", ERR_IO, "gone.npy");
    refused("m", "gone.h5", ERR_FORMAT, "gone.h5");
    struct made wide = {"x", "<f4", 3, {1, 5000, 1}, false, 0};
    made_npy("wide.npy", &wide, 1);
    refused("m", "wide.npy", ERR_SHAPE, "of up to 4096 layers");
    ck_assert(nothing_written());
}
END_TEST

/* ---- rows ---- */

static const struct made with_ids[] = {{"x", "<f4", 2, {3, 2}, false, 1},
                                       {"row_ids", "<u2", 1, {3}, false, 1}}; /* 3 10 17 */

START_TEST(test_row_ids_are_the_same_from_everywhere)
{
    char path[512];
    made_npz("a.npz", with_ids, 2);
    made_h5("a.h5", with_ids, 2);
    made_safetensors("a.safetensors", with_ids, 2);
    made_npy("a.npy", with_ids, 1);
    struct made ids = {"layer", "<i8", 1, {3}, false, 1};
    made_npy("ids.npy", &ids, 1);
    file_put("ids.txt", "3\r\n10\n17", 8);
    imported("npz", "a.npz");
    imported("h5", "a.h5");
    imported("safetensors", "a.safetensors");
    struct imported_model m = called("text");
    ck_assert_msg(try_import(&m, "a.npy", scratch_path("ids.txt", path), none, false) == ERR_OK,
                  "%s", e.text);
    m = called("npy");
    ck_assert_msg(try_import(&m, "a.npy", scratch_path("ids.npy", path), none, false) == ERR_OK,
                  "%s", e.text);
    m = called("key");
    ck_assert_msg(try_import(&m, "a.npz", "row_ids", none, false) == ERR_OK, "%s", e.text);
    ck_assert_uint_ne(found("npz").rows, 0);
    ck_assert_int_eq(found("npz").n_layers, 1);
    refused("none", "a.npy", ERR_CONFIG, "model h5 has row ids, but model none has none");
    file_put("ids.txt", "3\n17\n10\n", 8);
    refused_as(called("swapped"), "a.npy", scratch_path("ids.txt", path), none, ERR_CONFIG,
               "the row ids of model swapped are others, or in another order, than those of "
               "model h5");
}
END_TEST

START_TEST(test_wrong_row_ids_are_refused)
{
    static const struct {
        const char *text;
        size_t length;
        enum err_code code;
        const char *words;
    } bad[] = {{"1\n2\n", 4, ERR_CONFIG, "2 row ids for 3 rows"},
               {"1\n\n3\n", 5, ERR_FORMAT, "line 2: it is empty"},
               {"1\n2\0\n3\n", 7, ERR_FORMAT, "line 2: a byte of 0"},
               {"", 0, ERR_CONFIG, "0 row ids for 3 rows"}};
    char path[512];
    made_npy("a.npy", with_ids, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        file_put("ids.txt", bad[i].text, bad[i].length);
        refused_as(called("m"), "a.npy", scratch_path("ids.txt", path), none, bad[i].code,
                   bad[i].words);
    }
    refused_as(called("m"), "a.npy", "/nowhere/ids", none, ERR_IO, "cannot open /nowhere/ids");
    struct made ids[] = {with_ids[0], {"row_ids", "<f4", 1, {3}, false, 1}};
    made_npz("a.npz", ids, 2);
    refused("m", "a.npz", ERR_FORMAT, "row ids are integers [n], not <f4");
    made_npz("a.npz", with_ids + 1, 1);
    refused("m", "a.npz", ERR_CONFIG, "no array but the row ids");
    ck_assert(nothing_written());
}
END_TEST

START_TEST(test_other_inputs_are_refused)
{
    struct made a = {"x", "<f4", 2, {4, 2}, false, 1}, b = {"x", "<f4", 2, {5, 2}, false, 1};
    made_npy("a.npy", &a, 1);
    made_npy("b.npy", &b, 1);
    uint64_t first = imported("one", "a.npy");
    refused("two", "b.npy", ERR_CONFIG,
            "model two has 5 rows, but model one, imported before, has 4");
    refused("one", "a.npy", ERR_CONFIG, "has a model one; --force replaces it");
    ck_assert_uint_eq(found("one").id, first);
    uint64_t second = imported("one", "b.npy"); /* with force: it is alone */
    ck_assert_uint_ne(first, second);
    ck_assert_int_eq(found("one").n, 5);
    imported("two", "b.npy");
    ck_assert_uint_eq(found("two").id, second); /* of the content alone */
    struct imported_model m = called("one");
    ck_assert_int_eq(try_import(&m, "a.npy", NULL, none, true), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "model one has 4 rows, but model two"));
    ck_assert_uint_eq(found("one").id, second);
}
END_TEST

/* A store with a probe set of four samples. */
static void probe_store_put(void)
{
    hid_t file = hdf5_create("store.h5", 0);
    static const int64_t index[4] = {3, 1, 2, 0};
    H5Gclose(H5Gcreate2(file, "trials", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hdf5_add(file, "trials/id", H5T_STD_U64LE, 1, (hsize_t[]){4}, HDF5_CONTIGUOUS, index);
    H5Gclose(H5Gcreate2(file, "probe", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Gclose(H5Gcreate2(file, "probe/test", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hdf5_add(file, "probe/test/index", H5T_STD_I64LE, 1, (hsize_t[]){4}, HDF5_CONTIGUOUS,
             index);
    H5Fclose(file);
}

START_TEST(test_probe_sets_have_their_rows)
{
    struct made a = {"x", "<f4", 2, {4, 2}, false, 1}, b = {"x", "<f4", 2, {5, 2}, false, 1};
    struct imported_model m = called("m");
    strcpy(m.probe, "test");
    made_npy("a.npy", &a, 1);
    made_npy("b.npy", &b, 1);
    refused_as(m, "a.npy", NULL, none, ERR_CONFIG, "there is no store");
    ck_assert(nothing_written());
    probe_store_put();
    refused_as(m, "b.npy", NULL, none, ERR_CONFIG, "has 5 rows, but the probe set test of");
    strcpy(m.probe, "train");
    refused_as(m, "a.npy", NULL, none, ERR_CONFIG, "no probe set 'train'; it has test");
    strcpy(m.probe, "test");
    ck_assert_msg(try_import(&m, "a.npy", NULL, none, false) == ERR_OK, "%s", e.text);
    ck_assert_str_eq(found("m").probe, "test");
    refused("other", "a.npy", ERR_CONFIG, "of no probe set, but those of model m, imported");
    file_put("store.h5", "none", 4);
    refused("other", "a.npy", ERR_FORMAT, "store.h5' is not a store");
}
END_TEST

/* ---- the model ---- */

START_TEST(test_names_that_cannot_be_are_refused)
{
    static const char *const bad[] = {
        "", "a/b", "..", ".a", "-a", "+a", "a b", "ä", "0123456789abcdef", "0123456789ABCDEF"};
    static const char *const good[] = {"_a", "0123456789abcde", "0123456789abcdef0",
                                       "Llama-3.1_8B+lora", "a.h5"};
    struct made a = {"x", "<f4", 2, {4, 2}, false, 1};
    made_npy("a.npy", &a, 1);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refused(bad[i], "a.npy", ERR_CONFIG, "a model cannot be called '");
    ck_assert(nothing_written());
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        imported(good[i], "a.npy");
        ck_assert_str_eq(found(good[i]).name, good[i]);
    }
}
END_TEST

START_TEST(test_attributes_are_kept)
{
    static const struct {
        const char *key, *value;
        bool is_number;
        double number;
    } in[] = {{"family", "llama 3", false, 0},
              {"hellaswag", "0.71", true, 0.71},
              {"license", "", false, 0},
              {"size", "7e9", true, 7e9},
              {"tokens.seen", "2T", false, 0}};
    struct imported_attribute a[5];
    struct imported_model m = called("m");
    struct made x = {"x", "<f4", 2, {4, 2}, false, 1};
    made_npy("a.npy", &x, 1);
    ck_assert(!imported_attribute_set(a, "", "1"));
    ck_assert(!imported_attribute_set(a, "1a", "1"));
    ck_assert(!imported_attribute_set(a, "a b", "1"));
    ck_assert(!imported_attribute_set(a, "a", "\n"));
    for (int i = 0; i < 5; i++)
        ck_assert(imported_attribute_set(&a[i], in[i].key, in[i].value));
    m.attribute = a;
    m.n_attributes = 5;
    strcpy(m.modality, "language");
    ck_assert_msg(try_import(&m, "a.npy", NULL, none, false) == ERR_OK, "%s", e.text);
    struct imported_model got = found("m");
    ck_assert_str_eq(got.modality, "language");
    ck_assert_int_eq(got.n_attributes, 5);
    for (int i = 0; i < 5; i++) {
        ck_assert_str_eq(got.attribute[i].key, in[i].key);
        ck_assert_int_eq(got.attribute[i].is_number, in[i].is_number);
        ck_assert_double_eq(got.attribute[i].number, in[i].number);
        ck_assert(in[i].is_number || strcmp(got.attribute[i].text, in[i].value) == 0);
    }
    strcpy(a[0].key, "size");
    refused_as(m, "a.npy", NULL, none, ERR_CONFIG, "the attribute size is given twice");
}
END_TEST

START_TEST(test_models_are_listed_by_name_and_damaged_ones_named)
{
    struct imported_model *all;
    int n = -1;
    char path[600];
    ck_assert_int_eq(imported_list(store_path(), &arena, &all, &n, &e), ERR_OK);
    ck_assert_int_eq(n, 0);
    struct made a = {"x", "<f4", 2, {4, 2}, false, 1};
    made_npy("a.npy", &a, 1);
    imported("b", "a.npy");
    imported("a", "a.npy");
    imported("c", "a.npy");
    file_put("store.h5.d/imported/d.h5.new", "", 0); /* of one who was killed */
    ck_assert_int_eq(imported_list(store_path(), &arena, &all, &n, &e), ERR_OK);
    ck_assert_int_eq(n, 3);
    for (int i = 0; i < n; i++) ck_assert_int_eq(all[i].name[0], 'a' + i);
    ck_assert_int_eq(truncate(imported_path(store_path(), "b", path, sizeof path), 700), 0);
    ck_assert_int_eq(imported_list(store_path(), &arena, &all, &n, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "b.h5' is not readable as an imported model"));
    imported("b", "a.npy");
    ck_assert_int_eq(imported_list(store_path(), &arena, &all, &n, &e), ERR_OK);
    struct imported_model before = found("b");
    a.seed = 2;
    made_npy("a.npy", &a, 1);
    imported("b", "a.npy");
    float x[8];
    ck_assert_int_eq(imported_read(store_path(), &before, 0, x, &e), ERR_FORMAT);
}
END_TEST

/* A model is a row of the results that is no trial; its attributes are metrics. */
START_TEST(test_a_store_of_models_alone_has_no_trials)
{
    struct results *r;
    struct made a = {"x", "<f4", 2, {4, 2}, false, 1};
    made_npy("a.npy", &a, 1);
    imported("a", "a.npy");
    struct imported_attribute known[2];
    struct imported_model m = called("b");
    ck_assert(imported_attribute_set(&known[0], "size", "7e9"));
    ck_assert(imported_attribute_set(&known[1], "family", "llama"));
    m.n = 4, m.n_layers = 1, m.n_attributes = 2, m.attribute = known;
    m.layer = (char[1][IMPORTED_NAME]){"x"}, m.d = (int64_t[1]){2};
    strcpy(m.modality, "text");
    const float x[8] = {1, 2, 3}, *const layers[1] = {x};
    ck_assert_msg(imported_write(store_path(), &m, layers, "here", true, &e) == ERR_OK, "%s",
                  e.text);
    ck_assert_msg(results_read(store_path(), &r, &e) == ERR_OK, "%s", e.text);
    ck_assert_int_eq(r->n_trials, 2);
    ck_assert(r->row[0] == -1 && r->row[1] == -1);
    ck_assert_str_eq(results_axis(r, "model")->text[0], "a");
    ck_assert_str_eq(results_axis(r, "model")->text[1], "b");
    ck_assert_str_eq(results_axis(r, "modality")->text[0], "");
    ck_assert_str_eq(results_axis(r, "modality")->text[1], "text");
    ck_assert_str_eq(results_axis(r, "family")->text[1], "llama");
    ck_assert(isnan(results_last(r, results_metric(r, "size"), 0)));
    ck_assert(results_last(r, results_metric(r, "size"), 1) == 7e9);
    results_destroy(r);
}
END_TEST

/* ---- damaged files ---- */

/* Whatever the bytes: a model that can be read, or a failure that says of which file. */
static bool survives(const char *file)
{
    struct imported_model m = called("m");
    enum err_code rc = try_import(&m, file, NULL, none, true);
    if (rc == ERR_OK) {
        m = found("m");
        for (int l = 0; l < m.n_layers; l++) layer_of(&m, l);
        return true;
    }
    ck_assert_msg(rc == ERR_FORMAT || rc == ERR_IO || rc == ERR_SHAPE || rc == ERR_CONFIG,
                  "%d: %s", rc, e.text);
    ck_assert_msg(strstr(e.text, file) || strstr(e.text, "model m"), "%s", e.text);
    return false;
}

START_TEST(test_damaged_files_never_crash)
{
    static const struct made in[] = {{"l.10", "<f4", 2, {6, 3}, false, 1},
                                     {"l.9", "<f2", 3, {6, 2, 2}, false, 2},
                                     {"row_ids", "<i4", 1, {6}, false, 3}};
    static struct file_bytes whole, b;
    const struct kind *k = &kinds[_i];
    struct rng r = rng_stream(1, RNG_TESTING, (uint64_t)_i);
    bool slow = k->put == made_h5 || k->put == made_h5_packed; /* a process each */
    int kept = 0, rounds = slow ? 60 : 150;
    k->put(k->file, in, k->many ? 3 : 1);
    file_get(k->file, &whole);
    size_t step = whole.length / (slow ? 25 : 80) + 1;
    for (size_t length = 0; length < whole.length; length += step) {
        file_put(k->file, whole.at, length);
        ck_assert_msg(!survives(k->file), "%s cut at %zu", k->file, length);
    }
    for (int round = 0; round < rounds; round++) {
        b = whole;
        for (uint64_t i = rng_below(&r, 3); i < 3; i++)
            b.at[rng_below(&r, b.length)] ^= (unsigned char)(1 + rng_below(&r, 255));
        file_put(k->file, b.at, b.length);
        kept += survives(k->file);
    }
    file_put(k->file, whole.at, whole.length);
    ck_assert(survives(k->file) && kept < rounds);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("import");
    TCase *t = check_case(s, "import");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, test_every_kind_and_type_keeps_its_numbers, 0, KINDS);
    tcase_add_test(t, test_long_arrays_come_in_pieces);
    tcase_add_test(t, test_floats_are_kept_bit_by_bit);
    tcase_add_test(t, test_numbers_beyond_single_precision_are_refused);
    tcase_add_test(t, test_layers_are_in_order);
    tcase_add_test(t, test_layers_can_be_chosen);
    tcase_add_test(t, test_groups_become_dots);
    tcase_add_test(t, test_other_shapes_are_refused);
    tcase_add_test(t, test_row_ids_are_the_same_from_everywhere);
    tcase_add_test(t, test_wrong_row_ids_are_refused);
    tcase_add_test(t, test_other_inputs_are_refused);
    tcase_add_test(t, test_probe_sets_have_their_rows);
    tcase_add_test(t, test_names_that_cannot_be_are_refused);
    tcase_add_test(t, test_attributes_are_kept);
    tcase_add_test(t, test_models_are_listed_by_name_and_damaged_ones_named);
    tcase_add_test(t, test_a_store_of_models_alone_has_no_trials);
    tcase_add_loop_test(t, test_damaged_files_never_crash, 0, KINDS);
    return check_run(s);
}
