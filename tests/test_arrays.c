/* test_arrays.c - arrays of trials: read from a store, drawn as histograms and images.
 *
 * To the store of golden/results/gen_store.py are added arrays of all its trials but the last:
 * neurons[4 * place of the width + 4, 2], whose column `one` is row / 8 (of relu) or 1 - row / 8,
 * and visual[3, 3, 2, 2] of relu, [3, 1, 2, 2] of tanh, whose numbers are trial + 0.01 * place. */
#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "coord/figure.h"
#include "coord/report.h"
#include "tests/check_main.h"

enum { N = 17 };

static char folder[] = "/tmp/test_arrays.XXXXXX", path[64];
static struct err e;

static void put(hid_t file, const char *name, hid_t type, int n_dims, const hsize_t *dims,
                const void *value)
{
    hid_t links = H5Pcreate(H5P_LINK_CREATE), space = H5Screate_simple(n_dims, dims, NULL);
    H5Pset_create_intermediate_group(links, 1);
    hid_t d = H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, value), 0);
    H5Dclose(d);
    H5Sclose(space);
    H5Pclose(links);
}

static void name_columns(hid_t file, const char *name, const char *columns)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    hid_t d = H5Dopen2(file, name, H5P_DEFAULT);
    hid_t a = H5Acreate2(d, "columns", type, space, H5P_DEFAULT, H5P_DEFAULT);
    ck_assert_int_ge(H5Awrite(a, type, &columns), 0);
    H5Aclose(a);
    H5Dclose(d);
    H5Sclose(space);
    H5Tclose(type);
}

/* Trials of width number `width`: 9 * activation + 3 * width + seed. */
static void add_neurons(hid_t file, int width)
{
    int64_t row[N];
    hsize_t n = 0, neurons = 4 + 4 * (hsize_t)width;
    char name[80];
    float flat[N * 12 * 2];
    for (int t = 0; t < N; t++) {
        if (t / 3 % 3 != width) continue;
        row[n] = t + 1;
        for (hsize_t k = 0; k < neurons; k++) {
            float *at = &flat[(n * neurons + k) * 2];
            at[0] = -5;
            at[1] = t < 9 ? (float)k / 8 : 1 - (float)k / 8;
        }
        n++;
    }
    snprintf(name, sizeof name, "arrays/neurons/%dx2/trial", (int)neurons);
    put(file, name, H5T_NATIVE_INT64, 1, &n, row);
    snprintf(name, sizeof name, "arrays/neurons/%dx2/data", (int)neurons);
    put(file, name, H5T_NATIVE_FLOAT, 3, (hsize_t[]){n, neurons, 2}, flat);
    name_columns(file, name, "five one");
}

static void add_visual(hid_t file, int channels, int first, int end)
{
    int64_t row[N];
    float value[N * 36];
    hsize_t n = (hsize_t)(end - first), size = 12 * (hsize_t)channels;
    char name[80];
    for (int t = first; t < end; t++) {
        row[t - first] = t + 1;
        for (hsize_t k = 0; k < size; k++)
            value[(hsize_t)(t - first) * size + k] = (float)t + 0.01F * (float)k;
    }
    snprintf(name, sizeof name, "arrays/visual/3x%dx2x2/trial", channels);
    put(file, name, H5T_NATIVE_INT64, 1, &n, row);
    snprintf(name, sizeof name, "arrays/visual/3x%dx2x2/data", channels);
    put(file, name, H5T_NATIVE_FLOAT, 5, (hsize_t[]){n, 3, (hsize_t)channels, 2, 2}, value);
}

static void make_store(void)
{
    char command[300];
    snprintf(path, sizeof path, "%s/s.h5", folder);
    snprintf(command, sizeof command, "cp %s/golden/results/small.h5 %s", TESTS_DIR, path);
    ck_assert_int_eq(system(command), 0);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    ck_assert_int_ge(file, 0);
    for (int width = 0; width < 3; width++) add_neurons(file, width);
    add_visual(file, 3, 0, 9);
    add_visual(file, 1, 9, N);
    H5Fclose(file);
}

static struct results *store(void)
{
    struct results *r = NULL;
    enum err_code rc = results_read(path, &r, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    return r;
}

/* ---- reading ---- */

START_TEST(test_unknown_array_is_refused)
{
    struct results *r = store();
    struct results_array a;
    ck_assert_int_eq(results_array(r, "neuron", 0, &a, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "no array 'neuron'; it has neurons, visual"));
    ck_assert_int_eq(results_array(r, "neurons/8x2", 0, &a, &e), ERR_CONFIG);
    results_destroy(r);
    ck_assert_int_eq(results_read(TESTS_DIR "/golden/results/small.h5", &r, &e), ERR_OK);
    ck_assert_int_eq(results_array(r, "neurons", 0, &a, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "it has none"));
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_array_is_the_trials_own)
{
    struct results *r = store();
    struct results_array a;
    for (int64_t t = 0; t < N; t++) {
        ck_assert_int_eq(results_array(r, "visual", t, &a, &e), ERR_OK);
        ck_assert_int_eq(a.n_dims, 4);
        ck_assert_int_eq(a.size[1], t < 9 ? 3 : 1);
        ck_assert_int_eq(a.count, t < 9 ? 36 : 12);
        ck_assert_float_eq(a.data[7], (float)t + 0.01F * 7);
        ck_assert_ptr_null(a.columns);
        results_array_clear(&a);
    }
    ck_assert_int_eq(results_array(r, "visual", N, &a, &e), ERR_OK);
    ck_assert_int_eq(a.n_dims, 0); /* the last trial left none */
    ck_assert_ptr_null(a.data);
    results_destroy(r);
}
END_TEST

START_TEST(test_columns_have_names_or_numbers)
{
    struct results *r = store();
    struct results_array a;
    ck_assert_int_eq(results_array(r, "neurons", 4, &a, &e), ERR_OK);
    ck_assert_int_eq(a.size[0], 8);
    ck_assert_int_eq(results_array_column(&a, "five"), 0);
    ck_assert_int_eq(results_array_column(&a, "one"), 1);
    ck_assert_int_eq(results_array_column(&a, "on"), -1);
    ck_assert_int_eq(results_array_column(&a, "1"), -1);
    results_array_clear(&a);
    ck_assert_int_eq(results_array(r, "visual", 0, &a, &e), ERR_OK);
    ck_assert_int_eq(results_array_column(&a, "1"), 1);
    ck_assert_int_eq(results_array_column(&a, "2"), -1);
    ck_assert_int_eq(results_array_column(&a, "one"), -1);
    results_array_clear(&a);
    results_destroy(r);
}
END_TEST

/* ---- figures ---- */

static enum err_code draw(const struct results *r, const struct figure_spec *spec,
                          struct figure *f)
{
    const struct report_venue *icml = (const void *)table_row(&report_venues, 0);
    return figure_make(r, spec, 1, icml, f, &e);
}

static struct figure drawn(const struct results *r, const struct figure_spec *spec)
{
    struct figure f;
    ck_assert_msg(draw(r, spec, &f) == ERR_OK, "%s", e.text);
    return f;
}

static struct figure_spec spec_of(const char *type, const char *array)
{
    struct figure_spec spec = {.bins = 4, .n = 2, .low = 0, .high = 10};
    spec.type = table_find(&figure_types, type);
    snprintf(spec.array, sizeof spec.array, "%s", array);
    return spec;
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

START_TEST(test_histogram_counts_all_rows)
{
    struct results *r = store();
    struct figure_spec spec = spec_of("histogram", "neurons");
    snprintf(spec.column, sizeof spec.column, "one");
    snprintf(spec.hue, sizeof spec.hue, "model.activation");
    struct figure f = drawn(r, &spec);
    /* From -0.375 (tanh, row 11) to 1.375 (relu, row 11). Of relu done are 3 trials of 4 rows, 2
     * of 8, 3 of 12: 64 rows; rows 0 to 11 begin the bins at 0, 4 (0.5) and 8 (1). */
    ck_assert(begins(f.csv.at, "model.activation,low,high,share,count\n"
                               "relu,-0.375,0.0625,0.125,8\n"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\nrelu,0.0625,0.5,0.375,24\n"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\nrelu,0.5,0.9375,0.3125,20\n"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\nrelu,0.9375,1.375,0.1875,12\n"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\ntanh,-0.375,0.0625,"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "relu: 64 values of 8 networks, 3 seeds; tanh: "
                                               "60 values of 8 networks, 3 seeds."));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "2 trials are not done."));
    ck_assert_ptr_nonnull(strstr(f.answer.at, "relu: median 0.5, half of the values from"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set xlabel 'one'"));
    figure_clear(&f);
    snprintf(spec.filter, sizeof spec.filter, "seed == 0 and model.width == 16");
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "relu: 4 values of 1 network, 1 seed;"));
    figure_clear(&f);
    *spec.hue = *spec.filter = *spec.column = '\0'; /* all numbers */
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, " 248 values of 16 networks, 3 seeds."));
    ck_assert_ptr_null(strstr(f.caption.at, "no number"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_values_that_are_no_numbers_are_told)
{
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    hid_t d = H5Dopen2(file, "arrays/neurons/4x2/data", H5P_DEFAULT);
    float none[6 * 4 * 2];
    for (int i = 0; i < 48; i++) none[i] = i == 1 ? NAN : 0.25F;
    ck_assert_int_ge(H5Dwrite(d, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, none), 0);
    H5Dclose(d);
    H5Fclose(file);
    struct results *r = store();
    struct figure_spec spec = spec_of("histogram", "neurons");
    snprintf(spec.column, sizeof spec.column, "one");
    snprintf(spec.filter, sizeof spec.filter, "model.width == 16");
    struct figure f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, " 23 values of 6 networks, 3 seeds. 1 further "
                                               "value is no number."));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\n,0.25,0.5,1,23\n")); /* all the same: one bin */
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_wrong_names_in_figures_are_refused)
{
    struct results *r = store();
    struct figure f;
    struct figure_spec spec = spec_of("histogram", "neurons");
    snprintf(spec.column, sizeof spec.column, "two");
    ck_assert_int_eq(draw(r, &spec, &f), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "no column 'two'; it has five one"));
    figure_clear(&f);
    snprintf(spec.hue, sizeof spec.hue, "model.depth");
    ck_assert_int_eq(draw(r, &spec, &f), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "'model.depth' does not vary"));
    figure_clear(&f);
    spec = spec_of("images", "neurons");
    ck_assert_int_eq(draw(r, &spec, &f), ERR_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(e.text, "'neurons' has sizes [4, 2]; images are [k, C, H, W]"));
    figure_clear(&f);
    spec = spec_of("images", "pictures");
    ck_assert_int_eq(draw(r, &spec, &f), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "it has neurons, visual"));
    figure_clear(&f);
    results_destroy(r);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

static int64_t lines_of(const char *text)
{
    int64_t n = 0;
    for (; (text = strchr(text, '\n')); text++) n++;
    return n;
}

START_TEST(test_images_are_of_the_lowest_seed)
{
    struct results *r = store();
    struct figure_spec spec = spec_of("images", "visual");
    snprintf(spec.hue, sizeof spec.hue, "model.activation");
    snprintf(spec.filter, sizeof spec.filter, "model.width == 64");
    struct figure f = drawn(r, &spec);
    /* 2 images of 4 pixels for each activation; trials 3 (relu) and 12 (tanh) have seed 0 */
    ck_assert_int_eq(lines_of(f.csv.at), 1 + 2 * 2 * 4);
    ck_assert(begins(f.csv.at, "model.activation,image,row,column,value_1,value_2,value_3\n"
                               "relu,0,0,0,3,3.04,3.08\nrelu,0,0,1,3.01,"));
    ck_assert_ptr_nonnull(strstr(f.csv.at, "\nrelu,1,1,1,3.15,3.19,3.23\ntanh,0,0,0,12,,\n"));
    ck_assert_ptr_nonnull(strstr(f.plot.at, "every ::12::15 using ($4 + 4):($3 + 4)"
                                            ":(level(5)):(level(5)):(level(5))"));
    ck_assert_ptr_nonnull(strstr(f.plot.at, ":(level(5)):(level(6)):(level(7))"));
    ck_assert_ptr_nonnull(strstr(f.setup.at, "set ytics ('relu' 0.5, 'tanh' 4.5)"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "The first 2 images of visual"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "0 is black, 10 is white"));
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Seed 0 in each row."));
    ck_assert_ptr_null(strstr(f.caption.at, "several networks"));
    figure_clear(&f);
    snprintf(spec.filter, sizeof spec.filter, "seed == 7");
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "there are none to show"));
    figure_clear(&f);
    *spec.hue = *spec.filter = '\0';
    f = drawn(r, &spec);
    ck_assert_ptr_nonnull(strstr(f.caption.at, "Of several networks of a seed, the first"));
    figure_clear(&f);
    results_destroy(r);
}
END_TEST

START_TEST(test_figures_of_arrays_are_drawn)
{
    struct results *r = store();
    struct report_spec spec = {.n_figures = 3};
    spec.figure[0] = spec_of("histogram", "neurons");
    snprintf(spec.figure[0].column, TASK_NAME, "one");
    snprintf(spec.figure[0].hue, TASK_NAME, "model.width");
    spec.figure[1] = spec_of("images", "visual");
    snprintf(spec.figure[1].hue, TASK_NAME, "model.activation");
    spec.figure[2] = spec_of("images", "visual"); /* of none */
    snprintf(spec.figure[2].filter, TASK_PATH, "seed == 7");
    char dir[80], file[120];
    struct stat info;
    snprintf(dir, sizeof dir, "%s/report", folder);
    ck_assert_msg(report_write(r, &spec, dir, NULL, &e) == ERR_OK, "%s", e.text);
    bool gnuplot = system("command -v gnuplot >/dev/null") == 0;
    for (int i = 1; i <= 3 && gnuplot; i++) {
        snprintf(file, sizeof file, "%s/fig%d.svg", dir, i);
        ck_assert_msg(stat(file, &info) == 0 && info.st_size > 0, "%s", file);
    }
    results_destroy(r);
}
END_TEST

int main(void)
{
    if (!mkdtemp(folder)) return 1;
    Suite *s = suite_create("arrays");
    TCase *t = check_case(s, "arrays");
    tcase_add_checked_fixture(t, make_store, NULL);
    tcase_add_test(t, test_unknown_array_is_refused);
    tcase_add_test(t, test_array_is_the_trials_own);
    tcase_add_test(t, test_columns_have_names_or_numbers);
    tcase_add_test(t, test_histogram_counts_all_rows);
    tcase_add_test(t, test_values_that_are_no_numbers_are_told);
    tcase_add_test(t, test_wrong_names_in_figures_are_refused);
    tcase_add_test(t, test_images_are_of_the_lowest_seed);
    tcase_add_test(t, test_figures_of_arrays_are_drawn);
    int failed = check_run(s);
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || failed;
}
