/* test_spectra.c - spectra of the representations of a store, and eigenvalues that all ranks
 * find together, on any number of ranks. */
#include <jansson.h>

#include "base/arena.h"
#include "base/rng.h"
#include "coord/imported.h"
#include "coord/spectra.h"
#include "linalg/distributed_eigen.h"
#include "tests/align_store.h"

enum { ROWS_OF_ALL = DONE * LAYERS };

static void spectra_path(char out[320])
{
    journal_path(store, "spectra.h5", out, 320);
}

static void remove_spectra(void)
{
    char path[320];
    spectra_path(path);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) unlink(path);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void begin(void)
{
    setup();
    remove_spectra();
}

static enum err_code find(struct align_request o, struct err *e)
{
    enum err_code rc = spectra_store(MPI_COMM_WORLD, store, &o, e);
    MPI_Barrier(MPI_COMM_WORLD);
    return rc;
}

/* To be given back by spectra_clear. */
static struct spectra read_all(void)
{
    struct spectra s;
    struct err e = {0};
    ck_assert_msg(spectra_read(store, &s, &e) == ERR_OK, "%s", e.text);
    MPI_Barrier(MPI_COMM_WORLD);
    return s;
}

/* ---- what is refused ---- */

START_TEST(test_wrong_requests_leave_nothing)
{
    struct err e = {0};
    struct align_request wrong = request;
    wrong.options.alignment.clip = 2;
    ck_assert_int_eq(find(wrong, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "clip"));
    wrong = request;
    snprintf(wrong.options.alignment.probe, sizeof wrong.options.alignment.probe, "none");
    ck_assert_int_eq(find(wrong, &e), ERR_CONFIG);
    make_store(states, false);
    ck_assert_int_eq(find(request, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "no representations"));
    struct spectra s = read_all();
    ck_assert_int_eq(s.n, 0);
    spectra_clear(&s);
}
END_TEST

START_TEST(test_an_unreadable_file_is_made_anew)
{
    char path[320];
    spectra_path(path);
    ck_assert_int_eq(find(request, NULL), ERR_OK);
    if (rank_of_world() == 0) ck_assert_int_eq(truncate(path, 700), 0);
    MPI_Barrier(MPI_COMM_WORLD);
    struct spectra s;
    struct err e = {0};
    ck_assert_int_eq(spectra_read(store, &s, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "spectra.h5"));
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(find(request, NULL), ERR_OK);
    s = read_all();
    ck_assert_int_eq(s.n, ROWS_OF_ALL);
    spectra_clear(&s);
}
END_TEST

/* ---- values ---- */

/* Covariance of a layer, its rows of length 1. */
static void covariance(int64_t row, int layer, int64_t d, double c[6][6])
{
    double x[N][6], mean[6] = {0};
    for (int i = 0; i < N; i++) {
        double length = 0;
        for (int64_t j = 0; j < d; j++) {
            x[i][j] = (double)feature(row, layer, SLOTS - 1, i * d + j);
            length += x[i][j] * x[i][j];
        }
        for (int64_t j = 0; j < d; j++) mean[j] += (x[i][j] /= sqrt(length)) / N;
    }
    for (int64_t j = 0; j < d; j++)
        for (int64_t k = 0; k < d; k++) {
            c[j][k] = 0;
            for (int i = 0; i < N; i++)
                c[j][k] += (x[i][j] - mean[j]) * (x[i][k] - mean[k]) / N;
        }
}

/* The largest eigenvalue, by the power method. */
static double largest(int64_t d, const double c[6][6])
{
    double v[6] = {1, 1, 1, 1, 1, 1}, length = 0;
    for (int turn = 0; turn < 4000; turn++) {
        double w[6] = {0};
        length = 0;
        for (int64_t j = 0; j < d; j++) {
            for (int64_t k = 0; k < d; k++) w[j] += c[j][k] * v[k];
            length += w[j] * w[j];
        }
        length = sqrt(length);
        for (int64_t j = 0; j < d; j++) v[j] = w[j] / length;
    }
    return length;
}

static void check_row(const struct spectra_row *r, int64_t trial, int layer)
{
    char name[32];
    double c[6][6], trace = 0, squares = 0, sum = 0, entropy = 0;
    int64_t d = width(trial, layer);
    snprintf(name, sizeof name, "%016" PRIx64, ids[trial]);
    ck_assert_str_eq(r->name, name);
    ck_assert_str_eq(r->layer, layers[layer]);
    ck_assert_int_eq(r->trial, trial);
    ck_assert_uint_eq(r->id, ids[trial]);
    ck_assert_int_eq(r->d, d);
    covariance(trial, layer, d, c);
    for (int64_t j = 0; j < d; j++) {
        trace += c[j][j];
        for (int64_t k = 0; k < d; k++) squares += c[j][k] * c[j][k];
    }
    ck_assert_double_eq_tol(r->participation, trace * trace / squares, 1e-11);
    ck_assert_double_eq_tol(r->share[0], largest(d, c) / trace, 1e-9);
    for (int64_t i = 0; i < d; i++) {
        sum += r->share[i];
        entropy -= r->share[i] > 0 ? r->share[i] * log(r->share[i]) : 0;
        ck_assert(i == 0 || r->share[i] <= r->share[i - 1]);
        ck_assert((sum >= 0.90) == (i + 1 >= r->dimensions[0]));
        ck_assert((sum >= 0.95) == (i + 1 >= r->dimensions[1]));
        ck_assert((sum >= 0.99) == (i + 1 >= r->dimensions[2]));
    }
    ck_assert_double_eq_tol(sum, 1, 1e-12);
    ck_assert_double_eq_tol(r->effective, exp(entropy), 1e-11);
    for (int64_t i = d; i < SPECTRA_KEPT; i++) ck_assert_double_nan(r->share[i]);
}

/* In groups of one model a rank, too. */
START_TEST(test_spectra_are_those_of_the_last_slot)
{
    struct align_request o = request;
    if (_i) o.memory_gb = 1e-9;
    ck_assert_int_eq(find(o, NULL), ERR_OK);
    struct spectra s = read_all();
    ck_assert_int_eq(s.n, ROWS_OF_ALL);
    ck_assert_int_eq(s.options.normalize, ALIGN_L2);
    ck_assert_str_eq(s.options.probe, "test");
    for (int i = 0; i < ROWS_OF_ALL; i++) check_row(&s.row[i], done[i / LAYERS], i % LAYERS);
    spectra_clear(&s);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

/* ---- what is kept ---- */

/* Writes a number that nothing gives into row i, or drops the row. */
static void mark(int64_t i, bool drop)
{
    if (rank_of_world() == 0) {
        struct spectra s;
        ck_assert_int_eq(spectra_read(store, &s, NULL), ERR_OK);
        s.row[i].participation = 77;
        if (drop) memmove(&s.row[i], &s.row[i + 1], (size_t)(--s.n - i) * sizeof *s.row);
        ck_assert_int_eq(spectra_write(store, &s, NULL), ERR_OK);
        spectra_clear(&s);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static bool is_marked(int64_t i)
{
    struct spectra s = read_all();
    ck_assert_int_eq(s.n, ROWS_OF_ALL);
    bool marked = s.row[i].participation == 77;
    spectra_clear(&s);
    return marked;
}

START_TEST(test_what_is_up_to_date_is_kept)
{
    struct align_request other = request;
    ck_assert_int_eq(find(request, NULL), ERR_OK);
    mark(3, false);
    ck_assert_int_eq(find(request, NULL), ERR_OK);
    ck_assert(is_marked(3));
    mark(6, true); /* the models of rows 6 and 7 alone are missing */
    ck_assert_int_eq(find(request, NULL), ERR_OK);
    ck_assert(is_marked(3));
    struct spectra s = read_all();
    for (int i = 0; i < ROWS_OF_ALL; i++)
        if (i != 3) check_row(&s.row[i], done[i / LAYERS], i % LAYERS);
    spectra_clear(&s);
    other.force = true;
    ck_assert_int_eq(find(other, NULL), ERR_OK);
    ck_assert(!is_marked(3));
    mark(3, false);
    other.force = false;
    other.options.alignment.normalize = ALIGN_NONE;
    ck_assert_int_eq(find(other, NULL), ERR_OK);
    ck_assert(!is_marked(3));
}
END_TEST

/* A constant layer has no variance, a broken one no numbers. */
START_TEST(test_layers_without_numbers_have_rows)
{
    float constant[N * 3], broken[N * 2], fine[N];
    for (int i = 0; i < N * 3; i++) constant[i] = 2.5f;
    for (int i = 0; i < N * 2; i++) broken[i] = i == 7 ? NAN : (float)i;
    for (int i = 0; i < N; i++) fine[i] = (float)(i % 4);
    static char layer[3][IMPORTED_NAME] = {"constant", "broken", "fine"};
    static int64_t d[3] = {3, 2, 1};
    const float *const features[3] = {constant, broken, fine};
    struct imported_model m = {
        .name = "elsewhere", .n = N, .n_layers = 3, .layer = layer, .d = d};
    struct err e = {0};
    char path[320], *text = NULL;
    size_t size;
    if (rank_of_world() == 0)
        ck_assert_msg(imported_write(store, &m, features, "here", true, &e) == ERR_OK, "%s",
                      e.text);
    struct align_request raw = request;
    raw.options.alignment.normalize = ALIGN_NONE;
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(find(raw, &e), ERR_OK);
    struct spectra s = read_all();
    ck_assert_int_eq(s.n, ROWS_OF_ALL + 3);
    const struct spectra_row *r = &s.row[ROWS_OF_ALL];
    for (int l = 0; l < 2; l++) {
        ck_assert_double_nan(r[l].participation);
        ck_assert_double_nan(r[l].share[0]);
        ck_assert_int_eq(r[l].dimensions[2], 0);
    }
    ck_assert_int_eq(r[2].trial, -1);
    ck_assert_double_eq(r[2].participation, 1);
    ck_assert_double_eq(r[2].share[0], 1);
    FILE *out = open_memstream(&text, &size);
    ck_assert_int_eq(align_json(store, NULL, 0, true, out, &e), ERR_OK);
    fclose(out);
    json_t *root = json_loads(text, 0, NULL), *list = json_object_get(root, "spectra");
    ck_assert_msg(root != NULL, "no JSON: %s", text);
    ck_assert_uint_eq(json_array_size(list), ROWS_OF_ALL + 3);
    json_t *first = json_array_get(list, 0), *none = json_array_get(list, ROWS_OF_ALL);
    ck_assert_str_eq(json_string_value(json_object_get(first, "model")), "00000000000000a1");
    ck_assert_str_eq(json_string_value(json_object_get(first, "layer")), layers[0]);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "d")), 6);
    ck_assert_int_eq(json_integer_value(json_object_get(first, "d95")), s.row[0].dimensions[1]);
    ck_assert_double_eq(json_number_value(json_object_get(first, "effective_dimension")),
                        s.row[0].effective);
    ck_assert(json_is_null(json_object_get(none, "participation_ratio")));
    json_decref(root);
    free(text);
    spectra_clear(&s);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) unlink(imported_path(store, "elsewhere", path, sizeof path));
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(find(raw, &e), ERR_OK); /* it is gone */
    s = read_all();
    ck_assert_int_eq(s.n, ROWS_OF_ALL);
    spectra_clear(&s);
}
END_TEST

/* ---- by all ranks together ---- */

static void draw_features(int64_t n, int64_t d, double *x)
{
    struct rng draw = rng_stream(1, RNG_PERMUTE, 5);
    float *normal = malloc((size_t)(n * d) * sizeof *normal);
    rng_normals(&draw, n * d, normal);
    for (int64_t i = 0; i < n * d; i++) /* a mean, and a spectrum that falls */
        x[i] = 3 + (double)normal[i] / (1 + (double)(i % d));
    free(normal);
}

START_TEST(test_all_ranks_find_the_same_eigenvalues)
{
    static const int64_t shapes[][2] = {{1, 5},     {5, 1},     {3, 2},
                                        {150, 131}, {131, 150}, {97, 97}};
    int64_t n = shapes[_i][0], d = shapes[_i][1], m = n < d ? n : d;
    int size;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    double *x = malloc((size_t)(n * d) * sizeof *x), *want = malloc((size_t)m * sizeof *want);
    double *got = malloc((size_t)m * sizeof *got);
    struct err e = {0};
    draw_features(n, d, x);
    ck_assert_int_eq(spectrum_eigenvalues(n, d, x, want, &e), ERR_OK);
    bool root = rank_of_world() == size - 1;
    enum err_code rc =
        distributed_eigenvalues(MPI_COMM_WORLD, size - 1, n, d, root ? x : NULL, got, &e);
    ck_assert_msg(rc == ERR_OK, "%s", e.text);
    for (int64_t i = 0; i < m; i++)
        ck_assert_double_eq_tol(got[i], want[i], 1e-10 * want[0] + 1e-300);
    draw_features(n, d, x);
    x[n * d - 1] = INFINITY;
    ck_assert_int_eq(
        distributed_eigenvalues(MPI_COMM_WORLD, size - 1, n, d, root ? x : NULL, got, &e),
        ERR_SHAPE);
    free(x), free(want), free(got);
}
END_TEST

/* A model that is large enough, beside a small one, in a store without trials that are done. */
START_TEST(test_large_representations_are_found_together)
{
    enum { LARGE = SPECTRA_TOGETHER + 6, WIDE = SPECTRA_TOGETHER + 1 };
    static const uint8_t none[ROWS];
    static char layer[2][IMPORTED_NAME] = {"large", "small"};
    static int64_t d[2] = {WIDE, 2};
    double *x = malloc(sizeof(double[LARGE]) * WIDE), *want = malloc(sizeof(double[WIDE]));
    float *single = malloc(sizeof(float[LARGE]) * WIDE);
    const float *const features[2] = {single, single};
    struct imported_model m = {
        .name = "big", .n = LARGE, .n_layers = 2, .layer = layer, .d = d};
    struct err e = {0};
    char path[320];
    draw_features(LARGE, WIDE, x);
    for (int64_t i = 0; i < (int64_t)LARGE * WIDE; i++)
        x[i] = (double)(single[i] = (float)x[i]);
    make_store(none, false);
    if (rank_of_world() == 0)
        ck_assert_msg(imported_write(store, &m, features, "here", true, &e) == ERR_OK, "%s",
                      e.text);
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_request raw = request;
    raw.options.alignment.normalize = ALIGN_NONE;
    ck_assert_msg(find(raw, &e) == ERR_OK, "%s", e.text);
    struct spectra s = read_all();
    ck_assert_int_eq(s.n, 2);
    ck_assert_double_ge(s.row[1].participation, 1);
    if (rank_of_world() == 0) {
        ck_assert_int_eq(spectrum_eigenvalues(LARGE, WIDE, x, want, &e), ERR_OK);
        struct spectrum of = spectrum_of(WIDE, want);
        ck_assert_double_eq_tol(s.row[0].participation, of.participation, 1e-9);
        ck_assert_double_eq_tol(s.row[0].effective, of.effective, 1e-9);
        ck_assert_int_eq(s.row[0].dimensions[2], of.dimensions[2]);
        for (int i = 0; i < SPECTRA_KEPT; i++)
            ck_assert_double_eq_tol(s.row[0].share[i], want[i] / of.variance, 1e-12);
        unlink(imported_path(store, "big", path, sizeof path));
    }
    spectra_clear(&s);
    free(x), free(want), free(single);
    MPI_Barrier(MPI_COMM_WORLD);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("spectra");
    TCase *t = check_case(s, "spectra");
    tcase_add_checked_fixture(t, begin, NULL);
    tcase_add_test(t, test_wrong_requests_leave_nothing);
    tcase_add_test(t, test_an_unreadable_file_is_made_anew);
    tcase_add_loop_test(t, test_spectra_are_those_of_the_last_slot, 0, 2);
    tcase_add_test(t, test_what_is_up_to_date_is_kept);
    tcase_add_test(t, test_layers_without_numbers_have_rows);
    tcase_add_loop_test(t, test_all_ranks_find_the_same_eigenvalues, 0, 6);
    tcase_add_test(t, test_large_representations_are_found_together);
    make_folder();
    int failed = check_run_ranks(s);
    remove_spectra();
    remove_folder();
    MPI_Finalize();
    return failed;
}
