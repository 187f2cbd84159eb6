/* test_hierarchy.c - average linkage against its definition, and the order of its leaves. */
#include "linalg/hierarchy.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/rng.h"
#include "tests/check_main.h"

enum { N = 40 };
static struct err e;

START_TEST(test_missing_dissimilarities_are_refused)
{
    double delta[9] = {0, 1, 2, 1, 0, NAN, 2, NAN, 0};
    struct hierarchy_merge merge[2];
    int64_t order[3];
    ck_assert_int_eq(hierarchy_average(3, delta, merge, order, &e), ERR_SHAPE);
    ck_assert_ptr_nonnull(strstr(e.text, "1 and 2"));
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_none_and_one)
{
    double delta[1] = {0};
    int64_t order[1] = {7};
    ck_assert_int_eq(hierarchy_average(0, NULL, NULL, NULL, &e), ERR_OK);
    ck_assert_int_eq(hierarchy_average(1, delta, NULL, order, &e), ERR_OK);
    ck_assert_int_eq(order[0], 0);
}
END_TEST

/* By hand: 0 with 3 at 1; 1 with 2 at 2; then the mean of 5, 6, 7, 8. */
START_TEST(test_four_things)
{
    const double delta[16] = {0, 5, 6, 1, 5, 0, 2, 7, 6, 2, 0, 8, 1, 7, 8, 0};
    const struct hierarchy_merge want[3] = {{0, 3, 2, 1}, {1, 2, 2, 2}, {0, 1, 4, 6.5}};
    const int64_t leaves[4] = {0, 3, 1, 2};
    struct hierarchy_merge merge[3];
    int64_t order[4];
    ck_assert_int_eq(hierarchy_average(4, delta, merge, order, &e), ERR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(merge[i].a, want[i].a);
        ck_assert_int_eq(merge[i].b, want[i].b);
        ck_assert_int_eq(merge[i].size, want[i].size);
        ck_assert_double_eq_tol(merge[i].height, want[i].height, 1e-15);
    }
    for (int i = 0; i < 4; i++) ck_assert_int_eq(order[i], leaves[i]);
}
END_TEST

static double mean_between(const double *delta, const int *group, int a, int b)
{
    double sum = 0, n = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            if (group[i] != a || group[j] != b) continue;
            sum += delta[i * N + j];
            n++;
        }
    return n > 0 ? sum / n : INFINITY;
}

/* All pairs of groups anew before every merge, means over members. */
START_TEST(test_against_the_definition)
{
    double delta[N * N];
    struct hierarchy_merge merge[N - 1];
    int64_t order[N];
    int group[N];
    struct rng draw = rng_stream(21, RNG_TESTING, 0);
    for (int i = 0; i < N; i++) {
        group[i] = i;
        delta[i * N + i] = 0;
        for (int j = i + 1; j < N; j++)
            delta[i * N + j] = delta[j * N + i] = rng_uniform(&draw);
    }
    ck_assert_int_eq(hierarchy_average(N, delta, merge, order, &e), ERR_OK);
    for (int m = 0; m < N - 1; m++) {
        double least = INFINITY;
        int a = -1, b = -1;
        for (int i = 0; i < N; i++)
            for (int j = i + 1; j < N; j++) {
                double d = mean_between(delta, group, i, j);
                if (d < least) least = d, a = i, b = j;
            }
        ck_assert_int_eq(merge[m].a, a);
        ck_assert_int_eq(merge[m].b, b);
        ck_assert_double_eq_tol(merge[m].height, least, 1e-13);
        for (int i = 0; i < N; i++)
            if (group[i] == b) group[i] = a;
    }
}
END_TEST

/* Every group's members stand side by side. */
static void check_order(const struct hierarchy_merge *merge, const int64_t *order)
{
    int group[N], place[N];
    bool seen[N] = {false};
    for (int i = 0; i < N; i++) {
        ck_assert(order[i] >= 0 && order[i] < N && !seen[order[i]]);
        seen[order[i]] = true;
        place[order[i]] = i;
        group[i] = i;
    }
    for (int m = 0; m < N - 1; m++) {
        int first = N, last = -1, size = 0;
        for (int i = 0; i < N; i++) {
            if (group[i] == merge[m].b) group[i] = (int)merge[m].a;
            if (group[i] != merge[m].a) continue;
            first = place[i] < first ? place[i] : first;
            last = place[i] > last ? place[i] : last;
            size++;
        }
        ck_assert_int_eq(size, merge[m].size);
        ck_assert_int_eq(last - first + 1, size);
    }
}

/* Three kinds shuffled through each other; dissimilarities within a kind are all equal. */
START_TEST(test_order_keeps_groups_together)
{
    double delta[N * N];
    struct hierarchy_merge merge[N - 1], again[N - 1];
    int64_t order[N], twice[N];
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++)
            delta[i * N + j] = i == j ? 0 : i % 3 == j % 3 ? 1 : 2 + (i % 3 + j % 3 == 1);
    ck_assert_int_eq(hierarchy_average(N, delta, merge, order, &e), ERR_OK);
    check_order(merge, order);
    ck_assert_int_eq(order[0], 0);
    int changes = 0;
    for (int i = 1; i < N; i++) changes += order[i] % 3 != order[i - 1] % 3;
    ck_assert_int_eq(changes, 2);
    ck_assert_double_eq_tol(merge[N - 4].height, 1, 1e-14);
    ck_assert_double_eq_tol(merge[N - 3].height, 2, 1e-14);
    ck_assert_int_eq(hierarchy_average(N, delta, again, twice, &e), ERR_OK);
    ck_assert_mem_eq(order, twice, sizeof order);
    ck_assert_mem_eq(merge, again, sizeof merge);
}
END_TEST

START_TEST(test_equal_dissimilarities_end)
{
    double delta[N * N];
    struct hierarchy_merge merge[N - 1];
    int64_t order[N];
    for (int i = 0; i < N * N; i++) delta[i] = 0.3; /* means of thirds are rounded */
    ck_assert_int_eq(hierarchy_average(N, delta, merge, order, &e), ERR_OK);
    check_order(merge, order);
    ck_assert_int_eq(merge[N - 2].size, N);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("hierarchy");
    TCase *t = check_case(s, "hierarchy");
    tcase_add_test(t, test_missing_dissimilarities_are_refused);
    tcase_add_test(t, test_none_and_one);
    tcase_add_test(t, test_four_things);
    tcase_add_test(t, test_against_the_definition);
    tcase_add_test(t, test_order_keeps_groups_together);
    tcase_add_test(t, test_equal_dissimilarities_end);
    return check_run(s);
}
