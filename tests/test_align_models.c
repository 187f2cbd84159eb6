/* test_align_models.c - models of all kinds in an alignment, and its calibration, on any number
 * of ranks. */

#include "coord/align_baselines.h"
#include "coord/h5.h"
#include "coord/imported.h"
#include "tests/align_store.h"

/* Scores of permuted rows stand beside every pair; adjusted p-values are no smaller. */
START_TEST(test_calibration_is_kept)
{
    struct align_request calibrated = request;
    calibrated.options.null = (struct align_null){.permutations = 19, .alpha = 0.05};
    ck_assert_int_eq(align("mutual_knn@3", calibrated, false, NULL), ERR_OK);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
    const struct align_scores *s = align_file_find(&f, "mutual_knn@3");
    for (int a = 0; a < DONE; a++)
        for (int b = 0; b < DONE; b++) {
            int p = a * DONE + b;
            double value = s->field[ALIGN_P_VALUE][p] * 20;
            ck_assert(fabs(value - round(value)) < 1e-9 && value >= 1 && value <= 20);
            ck_assert(s->field[ALIGN_CALIBRATED][p] <= s->field[ALIGN_SCORE][p]);
            ck_assert(s->field[ALIGN_P_VALUE][p] == s->field[ALIGN_P_VALUE][b * DONE + a]);
            if (a == b) continue;
            ck_assert(s->field[ALIGN_Q_VALUE][p] >= s->field[ALIGN_P_VALUE][p] - 1e-15);
            ck_assert(s->field[ALIGN_P_ADJUSTED][p] >= 1 / 20.0);
        }
    ck_assert(s->most[0] > -10 && s->most[18] > -10);
    align_file_clear(&f);
    MPI_Barrier(MPI_COMM_WORLD);
    struct err e = {0};
    calibrated.options.null.within_class = true; /* the store does not know classes */
    ck_assert_int_eq(align("mutual_knn@3", calibrated, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "--classes"));
}
END_TEST

static void write_classes(const char *path, int lines)
{
    if (rank_of_world() == 0) {
        FILE *out = fopen(path, "w");
        for (int i = 0; i < lines; i++) fprintf(out, "%s\n", i < 12 ? "cat" : "dog");
        fclose(out);
    }
    MPI_Barrier(MPI_COMM_WORLD);
}

START_TEST(test_classes_come_from_a_file)
{
    char path[320];
    snprintf(path, sizeof path, "%s/classes", folder);
    struct err e = {0};
    struct align_request within = request;
    within.options.null =
        (struct align_null){.permutations = 9, .alpha = 0.1, .within_class = true};
    within.classes = path;
    write_classes(path, N - 1);
    ck_assert_int_eq(align("cka", within, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "24 lines"));
    write_classes(path, N);
    ck_assert_int_eq(align("cka", within, false, &e), ERR_OK);
    if (rank_of_world() == 0) unlink(path);
}
END_TEST

/* A copy of a trial's features, made elsewhere, and one on other inputs. */
START_TEST(test_imported_models_stand_beside_trials)
{
    float x[N * 6], other[N * 6];
    for (int i = 0; i < N * 6; i++) x[i] = feature(done[1], 0, SLOTS - 1, i), other[i] = -x[i];
    static char layer[2][IMPORTED_NAME] = {"block.1", "block.2"};
    static int64_t d[2] = {6, 6};
    const float *const features[2] = {other, x};
    struct imported_model m = {
        .name = "elsewhere", .n = N, .n_layers = 2, .layer = layer, .d = d};
    struct err e = {0};
    char path[320];
    if (rank_of_world() == 0)
        ck_assert_msg(imported_write(store, &m, features, "here", true, &e) == ERR_OK, "%s",
                      e.text);
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_request raw = request;
    raw.options.alignment.normalize = ALIGN_NONE;
    ck_assert_int_eq(align("mutual_knn@3", raw, false, &e), ERR_OK);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
    ck_assert_int_eq(f.n_models, DONE + 1);
    ck_assert_str_eq(f.name[DONE], "elsewhere");
    ck_assert_int_eq(f.row[DONE], -1);
    const struct align_scores *s = &f.scores[0];
    ck_assert(s->field[ALIGN_SCORE][1 * f.n_models + DONE] == 1);
    ck_assert_str_eq(f.layer[s->layer_b[1 * f.n_models + DONE]], "block.1"); /* the first */
    ck_assert_str_eq(f.layer[s->layer_a[DONE * f.n_models + 1]], "block.1");
    align_file_clear(&f);
    m.n = N - 1;
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) {
        unlink(imported_path(store, "elsewhere", path, sizeof path));
        ck_assert_int_eq(imported_write(store, &m, features, "here", true, &e), ERR_OK);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align("mutual_knn@3", raw, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "elsewhere"));
    MPI_Barrier(MPI_COMM_WORLD);
    if (rank_of_world() == 0) unlink(imported_path(store, "elsewhere", path, sizeof path));
    MPI_Barrier(MPI_COMM_WORLD);
}
END_TEST

/* Every trial once more as it was at the first moment. */
START_TEST(test_untrained_networks_are_models)
{
    struct err e = {0};
    struct align_request all = request;
    ck_assert_int_eq(align_baselines_parse("untrained", &all.baselines, &e), ERR_OK);
    ck_assert_int_eq(align("cka", all, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "record.representations.at"));
    ck_assert_int_eq(align_baselines_parse("input,random", &all.baselines, &e), ERR_OK);
    ck_assert_int_eq(align("cka", all, false, &e), ERR_CONFIG); /* no inputs in the store */
    if (rank_of_world() == 0) {
        hid_t file = H5Fopen(store, H5F_ACC_RDWR, H5P_DEFAULT);
        h5_attribute_write(file, "record.representations.at", "init final", NULL);
        hid_t g = H5Gcreate2(file, "probe", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        hid_t t = H5Gcreate2(g, "test", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
        float input[N * 4];
        for (int i = 0; i < N * 4; i++) input[i] = feature(100, 0, 0, i);
        put(t, "inputs", H5T_NATIVE_FLOAT, 2, (hsize_t[]){N, 4}, input);
        H5Gclose(t);
        H5Gclose(g);
        H5Fclose(file);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align_baselines_parse("untrained,input,random", &all.baselines, &e),
                     ERR_OK);
    ck_assert_msg(align("mutual_knn@3", all, false, &e) == ERR_OK, "%s", e.text);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
    ck_assert_int_eq(f.n_models, 2 * DONE + 2);
    ck_assert_str_eq(f.name[DONE], "untrained:00000000000000a1");
    ck_assert_str_eq(f.name[2 * DONE], "baseline:input");
    ck_assert_str_eq(f.name[2 * DONE + 1], "baseline:random");
    const double *score = f.scores[0].field[ALIGN_SCORE];
    ck_assert(score[DONE * f.n_models + DONE] == 1);
    ck_assert(score[0 * f.n_models + DONE] < 1);         /* other features */
    ck_assert(score[f.n_models * f.n_models - 2] > 0.3); /* random features of the input */
    align_file_clear(&f);
}
END_TEST

int main(int argc, char **argv)
{
    MPI_Init(&argc, &argv);
    Suite *s = suite_create("align_models");
    TCase *t = check_case(s, "align_models");
    tcase_add_checked_fixture(t, setup, NULL);
    tcase_add_test(t, test_calibration_is_kept);
    tcase_add_test(t, test_classes_come_from_a_file);
    tcase_add_test(t, test_imported_models_stand_beside_trials);
    tcase_add_test(t, test_untrained_networks_are_models);
    make_folder();
    int failed = check_run_ranks(s);
    remove_folder();
    MPI_Finalize();
    return failed;
}
