/* test_data.c - every stream: bits that do not depend on the request. */
#include "tests/data_files.h"
#include "tests/data_small.h"
#include "worker/config.h"

static void files_setup(void)
{
    folder_setup();
    scratch_setup();
    cifar_put();
    for (int part = 0; part < 6; part++) cifar5m_put(part, part % 2);
    npy_put_all(small_arrays);
    npz_put("a.npz", small_arrays, ARRAYS, true);
    hdf5_put("a.h5", HDF5_CHUNKED, 0);
}

static void files_teardown(void)
{
    scratch_teardown();
    folder_teardown();
}

/* A small data set of the stream: in files of its own, or those of IDX, or needing none. */
static struct config config_small(int row)
{
    static const char *const files[][2] = {{"cifar10", ""}, {"cifar100", ""}, {"cifar5m", ""},
                                           {"npy", ""},     {"npz", "a.npz"}, {"hdf5", "a.h5"}};
    struct config c = config_folder("idx");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (strcmp(table_row(&streams, row)->name, files[i][0]) == 0)
            c = config_scratch(files[i][0], files[i][1]);
    if (((const struct stream *)table_row(&streams, row))->has_background) {
        struct config set = c;
        field_defaults(&config_fields, &c);
        memcpy(c.data.path, set.data.path, sizeof c.data.path);
        c.data.labels = LABELS_SPHERE;
        c.data.base = table_find(&streams, "idx");
        c.data.domains = 3;
    }
    c.data.name = row;
    c.data.dim = 37;
    c.data.classes = 300; /* more than one block of classes */
    c.data.teacher_width = 21;
    return c;
}

/* Every stream: samples 0..n-1 one by one, all at once, and backwards are the same bits. */
START_TEST(test_fetch_does_not_depend_on_the_request)
{
    struct err e;
    for (int row = 0; row < streams.count; row++) {
        struct config c = config_small(row);
        struct data data;
        ck_assert_msg(data_open(&c, 1, &data, &e) == ERR_OK, "%s", e.text);
        enum { MOST = 11, MOST_DIM = 3072 };
        int n = data.shape.pool[SPLIT_TRAIN] < MOST ? (int)data.shape.pool[SPLIT_TRAIN] : MOST;
        size_t dim = (size_t)data.shape.dim;
        ck_assert_uint_le(dim, MOST_DIM);
        static real all[MOST * MOST_DIM], back[MOST * MOST_DIM], one[MOST_DIM];
        int32_t label[MOST], label_back[MOST], label_one;
        int64_t index[MOST], reverse[MOST];
        for (int i = 0; i < n; i++) {
            index[i] = i;
            reverse[i] = n - 1 - i;
        }
        data.stream->fetch(&data, SPLIT_TRAIN, index, n, all, label);
        data.stream->fetch(&data, SPLIT_TRAIN, reverse, n, back, label_back);
        for (int i = 0; i < n; i++) {
            const real *x = all + (size_t)i * dim;
            ck_assert_mem_eq(x, back + (size_t)(n - 1 - i) * dim, dim * sizeof *x);
            ck_assert_int_eq(label[i], label_back[n - 1 - i]);
            data.stream->fetch(&data, SPLIT_TRAIN, &index[i], 1, one, &label_one);
            ck_assert_mem_eq(x, one, dim * sizeof *x);
            ck_assert_int_eq(label[i], label_one);
        }
        data_close(&data);
    }
}
END_TEST

START_TEST(test_tables_have_help)
{
    static const struct table *const tables[] = {&streams, &splits, &worlds, &label_sets};
    for (int t = 0; t < 4; t++)
        for (int i = 0; i < tables[t]->count; i++) {
            ck_assert_ptr_nonnull(table_row(tables[t], i)->help);
            ck_assert_int_eq(table_find(tables[t], table_row(tables[t], i)->name), i);
        }
    ck_assert_int_eq(table_find(&splits, "test"), SPLIT_TEST);
    ck_assert_int_eq(table_find(&worlds, "ideal"), WORLD_IDEAL);
    ck_assert_int_eq(table_find(&label_sets, "coarse"), LABELS_COARSE);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data");
    TCase *t = check_case(s, "data");
    tcase_add_checked_fixture(t, files_setup, files_teardown);
    tcase_add_test(t, test_fetch_does_not_depend_on_the_request);
    tcase_add_test(t, test_tables_have_help);
    return check_run(s);
}
