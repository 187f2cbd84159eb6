/* test_align.c - from representations in a store to scores in STORE.d/alignment.h5, on any
 * number of ranks. */
#include <jansson.h>

#include "tests/align_store.h"
#include "tests/alignment_run.h"

START_TEST(test_wrong_requests_leave_nothing)
{
    struct err e = {0};
    ck_assert_int_eq(align("cak", request, false, &e), ERR_CONFIG);
    ck_assert_int_eq(align("mutual_knn@25", request, false, &e), ERR_CONFIG); /* k < n */
    ck_assert_ptr_nonnull(strstr(e.text, "1 to 24"));
    make_store(states, false);
    ck_assert_int_eq(align("cka", request, false, &e), ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(e.text, "record.representations"));
    const char *measure = "cka";
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, "/nowhere/x.h5", &measure, 1, &request, &e),
                     ERR_IO);
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
    ck_assert_int_eq(align("cka", request, false, &e), ERR_FORMAT);
    ck_assert_ptr_nonnull(strstr(e.text, "00000000000000a3"));
    ck_assert_ptr_nonnull(strstr(e.text, "hidden.2"));
}
END_TEST

START_TEST(test_no_trial_done_writes_nothing)
{
    static const uint8_t none[ROWS] = {0};
    make_store(none, true);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(!has_scores());
}
END_TEST

/* The scores that the measure itself gives for the features of the done trials. */
START_TEST(test_scores_are_those_of_the_last_slot)
{
    static const char *const names[] = {"cka", "cka_unbiased", "mutual_knn@3"};
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 3, &request, NULL), ERR_OK);
    struct representation layer[DONE * LAYERS];
    struct alignment_model model[DONE];
    for (int r = 0; r < DONE * LAYERS; r++) {
        int64_t row = done[r / LAYERS], d = width(row, r % LAYERS);
        float *x = malloc((size_t)(N * d) * sizeof *x);
        for (int64_t i = 0; i < N * d; i++) x[i] = feature(row, r % LAYERS, SLOTS - 1, i);
        layer[r] = (struct representation){.d = d, .x = x};
        model[r / LAYERS] = (struct alignment_model){LAYERS, &layer[r / LAYERS * LAYERS]};
    }
    struct alignment_set set = {N, DONE, model};
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
    ck_assert(f.n_models == DONE && f.n_layers == LAYERS && f.n_scores == 3);
    for (int m = 0; m < DONE; m++) ck_assert(f.row[m] == done[m] && f.id[m] == ids[done[m]]);
    for (int l = 0; l < LAYERS; l++) ck_assert_str_eq(f.layer[l], layers[l]);
    for (int i = 0; i < 3; i++) {
        struct alignment_pair *want =
            run_models(MPI_COMM_SELF, names[i], request.options.alignment, &no_null, &set);
        const struct align_scores *s = align_file_find(&f, names[i]);
        ck_assert_ptr_nonnull(s);
        ck_assert_int_eq(s->options.alignment.normalize, ALIGN_L2);
        ck_assert_int_eq(s->options.alignment.k, i == 2 ? 3 : 0);
        for (int p = 0; p < DONE * DONE; p++) {
            ck_assert_uint_eq(s->taken[p], 1);
            /* another number of ranks adds in another order */
            ck_assert(fabs(s->field[ALIGN_SCORE][p] - want[p].score) <= 1e-12);
            /* with itself both layers score 1: which is first is a matter of rounding */
            if (p / DONE != p % DONE)
                ck_assert(s->layer_a[p] == want[p].layer_a && s->layer_b[p] == want[p].layer_b);
        }
        free(want);
    }
    align_file_clear(&f);
    for (int r = 0; r < DONE * LAYERS; r++) free((void *)layer[r].x);
}
END_TEST

START_TEST(test_what_is_up_to_date_is_kept)
{
    struct align_request raw = request;
    raw.options.alignment.normalize = ALIGN_NONE;
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    mark_score("cka");
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77);
    ck_assert_int_eq(align("mutual_knn@2", request, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77);
    ck_assert(score_of("mutual_knn@2", 0, 0) == 1);
    ck_assert_int_eq(align("cka", request, true, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) <= 1);
    mark_score("cka");
    ck_assert_int_eq(align("cka", raw, false, NULL), ERR_OK); /* other options */
    ck_assert(score_of("cka", 0, 1) <= 1);
    ck_assert(score_of("mutual_knn@2", 0, 0) == 1);
}
END_TEST

/* Of a model that is new only its own pairs are computed. */
START_TEST(test_a_new_model_costs_its_own_pairs)
{
    uint8_t more[ROWS];
    memcpy(more, states, sizeof more);
    more[6] = TRIAL_DONE;
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert_int_eq(align("mutual_knn@2", request, false, NULL), ERR_OK);
    mark_score("cka");
    make_store(more, true);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77); /* not computed again */
    ck_assert(fabs(score_of("cka", DONE, DONE) - 1) < 1e-12);
    ck_assert(score_of("cka", 4, 0) > 0 && score_of("cka", 0, 4) > 0); /* row 6 is model 4 */
    ck_assert(score_of("mutual_knn@2", 0, 0) == 1);
    ck_assert(isnan(score_of("mutual_knn@2", 4, 0))); /* not asked for */
    make_store(states, true);                         /* and away again */
    ck_assert_int_eq(align("mutual_knn@2", request, false, NULL), ERR_OK);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77 && score_of("cka", 4, 4) != -2);
}
END_TEST

/* What a run that was killed has kept: some pairs are there, others are not. */
START_TEST(test_a_killed_run_continues)
{
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    double want = score_of("cka", 1, 3);
    if (rank_of_world() == 0) {
        struct align_file f;
        ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
        struct align_scores *s = align_file_find(&f, "cka");
        s->field[ALIGN_SCORE][1] = 77;
        for (int turn = 0; turn < 2; turn++) {
            int at = turn ? 3 * DONE + 1 : DONE + 3;
            s->taken[at] = 0;
            s->field[ALIGN_SCORE][at] = NAN;
        }
        ck_assert_int_eq(align_file_write(store, &f, NULL), ERR_OK);
        align_file_clear(&f);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(score_of("cka", 0, 1) == 77);
    ck_assert(fabs(score_of("cka", 1, 3) - want) <= 1e-12);
    ck_assert(fabs(score_of("cka", 3, 1) - want) <= 1e-12);
}
END_TEST

/* So little memory that models are compared a few at a time. */
START_TEST(test_groups_of_models_give_the_same)
{
    static const char *const names[] = {"mutual_knn@3", "cka", "cycle_knn@3", "rsa"};
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 4, &request, NULL), ERR_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_file whole, parts;
    ck_assert_int_eq(align_file_read(store, &whole, NULL), ERR_OK);
    struct align_request small = request;
    small.memory_gb = 1e-9;
    small.force = true;
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 4, &small, NULL), ERR_OK);
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align_file_read(store, &parts, NULL), ERR_OK);
    for (int i = 0; i < 4; i++) {
        const struct align_scores *a = align_file_find(&whole, names[i]);
        const struct align_scores *b = align_file_find(&parts, names[i]);
        for (int p = 0; p < DONE * DONE; p++) {
            ck_assert(b->taken[p]);
            ck_assert_msg(
                fabs(a->field[ALIGN_SCORE][p] - b->field[ALIGN_SCORE][p]) <= 1e-12 ||
                    (isnan(a->field[ALIGN_SCORE][p]) && isnan(b->field[ALIGN_SCORE][p])),
                "%s: pair %d", names[i], p);
        }
    }
    align_file_clear(&whole);
    align_file_clear(&parts);
}
END_TEST

START_TEST(test_an_unreadable_file_is_made_anew)
{
    char path[320];
    aligned_path(path);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    if (rank_of_world() == 0) ck_assert_int_eq(truncate(path, 700), 0);
    MPI_Barrier(MPI_COMM_WORLD);
    struct align_file f;
    ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_FORMAT);
    MPI_Barrier(MPI_COMM_WORLD);
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    ck_assert(fabs(score_of("cka", 1, 1) - 1) < 1e-12);
}
END_TEST

/* The pairs; to json_decref. */
static json_t *print_and_parse(const char *const *measures, int n)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    ck_assert_int_eq(align_json(store, measures, n, false, out, NULL), ERR_OK);
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
    ck_assert_int_eq(align_json(store, &bad, 1, false, stdout, NULL), ERR_CONFIG);
    json_t *pairs = print_and_parse(NULL, 0);
    ck_assert_uint_eq(json_array_size(pairs), 0); /* never aligned */
    json_decref(pairs);
    ck_assert_int_eq(align_store(MPI_COMM_WORLD, store, names, 2, &request, NULL), ERR_OK);
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
    ck_assert_int_eq(align("cka", request, false, NULL), ERR_OK);
    if (rank_of_world() == 0) {
        struct align_file f;
        ck_assert_int_eq(align_file_read(store, &f, NULL), ERR_OK);
        f.scores[0].field[ALIGN_SCORE][1] = NAN;
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
    tcase_add_test(t, test_a_new_model_costs_its_own_pairs);
    tcase_add_test(t, test_a_killed_run_continues);
    tcase_add_test(t, test_groups_of_models_give_the_same);
    tcase_add_test(t, test_an_unreadable_file_is_made_anew);
    tcase_add_test(t, test_json_has_every_pair_once);
    tcase_add_test(t, test_json_of_no_score_is_null);
    make_folder();
    int failed = check_run_ranks(s);
    remove_folder();
    MPI_Finalize();
    return failed;
}
