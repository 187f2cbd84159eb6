/* test_data.c - every stream: bits that do not depend on the request. */
#include "tests/data_small.h"

/* Every stream: samples 0..n-1 one by one, all at once, and backwards are the same bits. */
START_TEST(test_fetch_does_not_depend_on_the_request)
{
    struct err e;
    for (int row = 0; row < streams.count; row++) {
        struct config c = config_folder("idx");
        c.data.name = row;
        c.data.dim = 37;
        c.data.classes = 300; /* more than one block of classes */
        c.data.teacher_width = 21;
        struct data data;
        ck_assert_msg(data_open(&c, 1, &data, &e) == ERR_OK, "%s", e.text);
        enum { MOST = 11 };
        int n = data.shape.pool[SPLIT_TRAIN] < MOST ? (int)data.shape.pool[SPLIT_TRAIN] : MOST;
        size_t dim = (size_t)data.shape.dim;
        real all[MOST * 37], back[MOST * 37], one[37];
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
    static const struct table *const tables[] = {&streams, &splits, &worlds};
    for (int t = 0; t < 3; t++)
        for (int i = 0; i < tables[t]->count; i++) {
            ck_assert_ptr_nonnull(table_row(tables[t], i)->help);
            ck_assert_int_eq(table_find(tables[t], table_row(tables[t], i)->name), i);
        }
    ck_assert_int_eq(table_find(&splits, "test"), SPLIT_TEST);
    ck_assert_int_eq(table_find(&worlds, "ideal"), WORLD_IDEAL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("data");
    TCase *t = check_case(s, "data");
    tcase_add_checked_fixture(t, folder_setup, folder_teardown);
    tcase_add_test(t, test_fetch_does_not_depend_on_the_request);
    tcase_add_test(t, test_tables_have_help);
    return check_run(s);
}
