/* test_align.c - from representations in a store to scores in STORE.d/alignment.h5, on any
 * number of ranks. The store is made here, by the schema in coord/store.h. */
#include <hdf5.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coord/align.h"
#include "coord/align_file.h"
#include "coord/journal.h"
#include "coord/state.h"
#include "tests/check_main.h"

enum { ROWS = 8, SLOTS = 2, N = 25, LAYERS = 2 };

/* Row 0 is not in use; the logits of two trials are wider, so that they are two datasets. */
static const uint64_t ids[ROWS] = {0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7};
static const uint8_t states[ROWS] = {TRIAL_PLANNED, TRIAL_DONE, TRIAL_DIVERGED, TRIAL_DONE,
                                     TRIAL_DONE,    TRIAL_DONE, TRIAL_RUNNING,  TRIAL_DONE};
static const int64_t done[] = {1, 3, 4, 5, 7};
enum { DONE = sizeof done / sizeof *done };
static const char *const layers[LAYERS] = {"hidden.last", "hidden.2"}; /* not alphabetical */

static const struct alignment_options plain = {.normalize = ALIGN_L2, .clip = 1};
static char folder[256], store[300];

static int rank_of_world(void)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
}

static int64_t width(int64_t row, int layer)
{
    return layer == 0 ? 6 : row == 3 || row == 7 ? 5 : 3;
}

/* Features of the last slot; what was recorded before is something else. */
static float feature(int64_t row, int layer, int slot, int64_t i)
{
    uint64_t s = (uint64_t)(row * 1000003 + layer * 70001 + slot * 31 + i * 977 + 1);
    for (int k = 0; k < 4; k++) s = s * 6364136223846793005u + 1442695040888963407u;
    return (float)((int)(s >> 40) % 1000) / 256.0f;
}

static void put(hid_t to, const char *name, hid_t type, int n_dims, const hsize_t *dims,
                const void *values)
{
    hid_t space = H5Screate_simple(n_dims, dims, NULL);
    hid_t d = H5Dcreate2(to, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    H5Dwrite(d, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(d);
    H5Sclose(space);
}

/* /representations/test/<layer>/<d> with the trials of that width, all rows but 0. */
static void put_block(hid_t group, int layer, int64_t d)
{
    char name[32];
    int64_t trial[ROWS];
    hsize_t count = 0;
    float *data = calloc((size_t)(ROWS * SLOTS * N * d), sizeof *data);
    for (int64_t row = 1; row < ROWS; row++) {
        if (width(row, layer) != d) continue;
        for (int slot = 0; slot < SLOTS; slot++)
            for (int64_t i = 0; i < N * d; i++)
                data[((int64_t)count * SLOTS + slot) * N * d + i] =
                    feature(row, layer, slot, i);
        trial[count++] = row;
    }
    snprintf(name, sizeof name, "%" PRId64, d);
    hid_t g = H5Gcreate2(group, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    put(g, "trial", H5T_NATIVE_INT64, 1, &count, trial);
    put(g, "data", H5T_NATIVE_FLOAT, 4, (hsize_t[]){count, SLOTS, N, (hsize_t)d}, data);
    H5Gclose(g);
    free(data);
}

static void put_representations(hid_t file)
{
    hid_t ordered = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(ordered, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    hid_t all = H5Gcreate2(file, "representations", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    hid_t probe = H5Gcreate2(all, "test", H5P_DEFAULT, ordered, H5P_DEFAULT);
    for (int l = 0; l < LAYERS; l++) {
        hid_t g = H5Gcreate2(probe, layers[l], H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        for (int64_t d = 1; d < 10; d++)
            if (d == width(1, l) || d == width(3, l)) put_block(g, l, d);
        H5Gclose(g);
    }
    put(probe, "probe", H5T_NATIVE_INT32, 1, (hsize_t[]){1}, &(int){0}); /* a scale: no layer */
    H5Gclose(probe);
    H5Gclose(all);
    H5Pclose(ordered);
}

/* A store with these states. Collective. */
static void make_store(const uint8_t *state, bool representations)
{
    MPI_Barrier(MPI_COMM_WORLD); /* nobody reads the one before any more */
    if (rank_of_world() == 0) {
        hid_t file = H5Fcreate(store, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
        hid_t g = H5Gcreate2(file, "trials", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        put(g, "id", H5T_NATIVE_UINT64, 1, (hsize_t[]){ROWS}, ids);
        put(g, "state", H5T_NATIVE_UINT8, 1, (hsize_t[]){ROWS}, state);
        H5Gclose(g);
        if (representations) put_representations(file);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

static void aligned_path(char out[320])
{
    journal_path(store, "alignment.h5", out, 320);
}

static void remove_scores(void)
{
    char path[320];
    aligned_path(path);
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) unlink(path);
    MPI_Barrier(MPI_COMM_WORLD);
}

static bool has_scores(void)
{
    char path[320];
    aligned_path(path);
    MPI_Barrier(MPI_COMM_WORLD);
    return access(path, F_OK) == 0;
}

static void setup(void)
{
    make_store(states, true);
    remove_scores();
}

static enum err_code run(const char *measure, struct alignment_options o, bool force,
                         struct err *e)
{
    enum err_code rc = align_store(MPI_COMM_WORLD, store, &measure, 1, &o, force, e);
    MPI_Barrier(MPI_COMM_WORLD);
    return rc;
}

/* One score of a pair of models in the file; -2 if the measure is not there. */
static double score_of(const char *measure, int64_t a, int64_t b)
{
    struct align_file f;
    struct err e = {0};
    ck_assert_msg(align_file_read(store, &f, &e) == ERR_OK, "%s", e.text);
    const struct align_scores *s = align_file_find(&f, measure);
    double out = s ? s->score[a * f.n_models + b] : -2;
    align_file_clear(&f);
    MPI_Barrier(MPI_COMM_WORLD);
    return out;
}

/* Writes a number that no measure gives, to see whether it is computed again. */
static void mark_score(const char *measure)
{
    if (rank_of_world() == 0) {
        struct align_file f;
        ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
        align_file_find(&f, measure)->score[1] = 77;
        ck_assert_int_eq(align_file_write(store, &f, NULL), ERR_OK);
        align_file_clear(&f);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

START_TEST(test_wrong_requests_leave_nothing)
{
    struct err e = {0};
    ck_assert_int_eq(run("cak", plain, false, &e), ERR_CONFIG);
    ck_assert_int_eq(run("mutual_knn@25", plain, false, &e), ERR_CONFIG); /* k < n */
    ck_assert_ptr_nonnull(strstr(e.text, "1 to 24"));
    make_store(states, false);
    ck_assert_int_eq(run("cka", plain, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "record.representations"));
    const char *measure = "cka";
    ck_assert_int_eq(
        align_store(MPI_COMM_WORLD, "/nowhere/x.h5", &measure, 1, &plain, false, &e), ERR_IO);
    ck_assert(!has_scores());
}
END_TEST

START_TEST(test_missing_layer_of_a_done_trial_is_named)
{
    struct err e = {0};
    if (rank_of_world() == 0) {
        hid_t file = H5Fopen(store, H5F_ACC_RDWR, H5P_DEFAULT);
        H5Ldelete(file, "/representations/test/hidden.2/5", H5P_DEFAULT);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(run("cka", plain, false, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "00000000000000a3"));
    ck_assert_ptr_nonnull(strstr(e.text, "hidden.2"));
}
END_TEST

START_TEST(test_no_trial_done_writes_nothing)
{
    static const uint8_t none[ROWS] = {0};
    make_store(none, true);
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    ck_assert(!has_scores());
}
END_TEST

/* The scores that the measure itself gives for the features of the done trials. */
START_TEST(test_scores_are_those_of_the_last_slot)
{
    static const char *const names[] = {"cka", "cka_unbiased", "mutual_knn@3"};
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 3, &plain, false, NULL), ERR_OK);
    struct representation layer[DONE * LAYERS];
    for (int r = 0; r < DONE * LAYERS; r++) {
        int64_t row = done[r / LAYERS], d = width(row, r % LAYERS);
        float *x = malloc((size_t)(N * d) * sizeof *x);
        for (int64_t i = 0; i < N * d; i++) x[i] = feature(row, r % LAYERS, SLOTS - 1, i);
        layer[r] = (struct representation){d, x};
    }
    struct alignment_set set = {.n = N, .n_models = DONE, .n_layers = LAYERS, .layer = layer};
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
    ck_assert(f.n_models == DONE && f.n_layers == LAYERS && f.n_scores == 3);
    for (int m = 0; m < DONE; m++) ck_assert(f.row[m] == done[m] && f.id[m] == ids[done[m]]);
    for (int l = 0; l < LAYERS; l++) ck_assert_str_eq(f.layer[l], layers[l]);
    for (int i = 0; i < 3; i++) {
        const struct alignment_measure *measure;
        struct alignment_options o = plain;
        double pair[DONE * LAYERS * DONE * LAYERS], best[DONE * DONE];
        int32_t a[DONE * DONE], b[DONE * DONE];
        ck_assert_int_eq(alignment_parse(names[i], &measure, &o, NULL), ERR_OK);
        ck_assert_int_eq(measure->all_pairs(MPI_COMM_SELF, &set, &o, pair, NULL), ERR_OK);
        alignment_best_layers(&set, pair, best, a, b);
        const struct align_scores *s = align_file_find(&f, names[i]);
        ck_assert_ptr_nonnull(s);
        ck_assert_int_eq(s->options.normalize, ALIGN_L2);
        ck_assert_int_eq(s->options.k, i == 2 ? 3 : 0);
        for (int p = 0; p < DONE * DONE; p++) {
            /* another number of ranks adds in another order */
            ck_assert(fabs(s->score[p] - best[p]) <= 1e-12);
            /* with itself both layers score 1: which is first is a matter of rounding */
            if (p / DONE != p % DONE) ck_assert(s->layer_a[p] == a[p] && s->layer_b[p] == b[p]);
        }
    }
    align_file_clear(&f);
    for (int r = 0; r < DONE * LAYERS; r++) free((void *)layer[r].x);
}
END_TEST

START_TEST(test_what_is_up_to_date_is_kept)
{
    struct alignment_options raw = plain;
    raw.normalize = ALIGN_NONE;
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    mark_score("cka");
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77);
    ck_assert_int_eq(run("mutual_knn@2", plain, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77);
    ck_assert(score_of("mutual_knn@2", 0, 0) == 1);
    ck_assert_int_eq(run("cka", plain, true, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) <= 1);
    mark_score("cka");
    ck_assert_int_eq(run("cka", raw, false, NULL), ERR_OK); /* other options */
    ck_assert(score_of("cka", 0, 1) <= 1);
    ck_assert(score_of("mutual_knn@2", 0, 0) == 1);
}
END_TEST

START_TEST(test_a_new_model_makes_old_scores_stale)
{
    uint8_t more[ROWS];
    memcpy(more, states, sizeof more);
    more[6] = TRIAL_DONE;
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    make_store(more, true);
    ck_assert_int_eq(run("mutual_knn@2", plain, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 0) == -2);
    ck_assert(score_of("mutual_knn@2", DONE, DONE) == 1);
}
END_TEST

START_TEST(test_an_unreadable_file_is_made_anew)
{
    char path[320];
    aligned_path(path);
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    if (rank_of_world() == 0) ck_assert_int_eq(truncate(path, 700), 0);
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_FORMAT);
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    ck_assert(fabs(score_of("cka", 1, 1) - 1) < 1e-12);
}
END_TEST

/* The pairs; to json_decref. */
static json_t *print_and_parse(const char *const *measures, int n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_int_eq(align_json(store, measures, n, out, NULL), ERR_OK);
    fclose(out);
    json_t *root = json_loads(text, 0, NULL);
    ck_assert_msg(root != NULL, "no JSON: %s", text);
    free(text);
    ck_assert_int_eq(json_integer_value(json_object_get(root, "schema")), 1);
    json_t *pairs = json_incref(json_object_get(root, "pairs"));
    json_decref(root);
    return pairs;
}

START_TEST(test_json_has_every_pair_once)
{
    static const char *const names[] = {"cka", "mutual_knn@2"};
    static const char *const bad = "mutual_nn";
    ck_assert_int_eq(align_json(store, &bad, 1, stdout, NULL), ERR_CONFIG);
    json_t *pairs = print_and_parse(NULL, 0);
    ck_assert_uint_eq(json_array_size(pairs), 0); /* never aligned */
    json_decref(pairs);
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 2, &plain, false, NULL), ERR_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    pairs = print_and_parse(NULL, 0);
    ck_assert_uint_eq(json_array_size(pairs), DONE * (DONE - 1));
    json_decref(pairs);
    pairs = print_and_parse(&names[1], 1);
    json_t *pair = json_array_get(pairs, 0);
    ck_assert_uint_eq(json_array_size(pairs), DONE * (DONE - 1) / 2);
    ck_assert_str_eq(json_string_value(json_object_get(pair, "a")), "00000000000000a1");
    ck_assert_str_eq(json_string_value(json_object_get(pair, "b")), "00000000000000a3");
    ck_assert_str_eq(json_string_value(json_object_get(pair, "measure")), "mutual_knn@2");
    ck_assert(json_real_value(json_object_get(pair, "score")) == score_of(names[1], 0, 1));
    ck_assert(json_is_null(json_object_get(pair, "p_value")));
    const char *layer = json_string_value(json_object_get(pair, "layer_a"));
    ck_assert(strcmp(layer, layers[0]) == 0 || strcmp(layer, layers[1]) == 0);
    json_decref(pairs);
}
END_TEST

START_TEST(test_json_of_no_score_is_null)
{
    ck_assert_int_eq(run("cka", plain, false, NULL), ERR_OK);
    if (rank_of_world() == 0) {
        struct align_file f;
        ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
        f.scores[0].score[1] = NAN;
        f.scores[0].layer_a[1] = f.scores[0].layer_b[1] = -1;
        ck_assert_int_eq(align_file_write(store, &f, NULL), ERR_OK);
        align_file_clear(&f);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    json_t *pairs = print_and_parse(NULL, 0), *pair = json_array_get(pairs, 0);
    ck_assert(json_is_null(json_object_get(pair, "score")));
    ck_assert(json_is_null(json_object_get(pair, "layer_a")));
    json_decref(pairs);
}
END_TEST

/* A folder of its own on rank 0, its name on all. */
static void make_folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/test_align.XXXXXX", tmp ? tmp : "/tmp");
    if (rank_of_world() == 0 && !mkdtemp(folder)) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(folder, sizeof folder, MPI_CHAR, 0, MPI_COMM_WORLD);
    snprintf(store, sizeof store, "%s/store.h5", folder);
}

static void remove_folder(void)
{
    char path[320];
    remove_scores();
    if (rank_of_world() != 0) return;
    unlink(store);
    rmdir(journal_path(store, "", path, sizeof path));
    rmdir(folder);
}

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("align");
    TCase *t = check_case(s, "align");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_wrong_requests_leave_nothing);
    tcase_add_test(t, test_missing_layer_of_a_done_trial_is_named);
    tcase_add_test(t, test_no_trial_done_writes_nothing);
    tcase_add_test(t, test_scores_are_those_of_the_last_slot);
    tcase_add_test(t, test_what_is_up_to_date_is_kept);
    tcase_add_test(t, test_a_new_model_makes_old_scores_stale);
    tcase_add_test(t, test_an_unreadable_file_is_made_anew);
    tcase_add_test(t, test_json_has_every_pair_once);
    tcase_add_test(t, test_json_of_no_score_is_null);
    make_folder();
    int failed = check_run_ranks(s);
    remove_folder();
    MPI_Finalize();
    return failed;
}
