/* test_arena.c - alignment, zeroing, stability, overflow, and that nothing leaks. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "tests/check_main.h"

/* The address sanitizer would end the test where malloc returns NULL. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

START_TEST(test_impossible_sizes_give_null)
{
    struct arena a = {0};
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX / 2));
    /* products that wrap to 16 */
    ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 16 + 2, 16));
    ck_assert_ptr_null(arena_array(&a, 16, SIZE_MAX / 16 + 2));
    ck_assert_uint_eq(arena_live_bytes(), 0);
    ck_assert_ptr_nonnull(arena_alloc(&a, 10)); /* still of use */
    arena_clear(&a);
}
END_TEST

static bool all_are(const unsigned char *at, size_t value, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (at[i] != value) return false;
    return true;
}

START_TEST(test_blocks_are_aligned_zeroed_and_apart)
{
    struct arena a = {0};
    enum { BLOCKS = 500 };
    unsigned char *block[BLOCKS];
    for (int round = 0; round < 2; round++) { /* the second on memory that was written */
        for (size_t i = 0; i < BLOCKS; i++) {
            size_t size = i * i % 5000; /* some beyond what is left of a chunk */
            block[i] = arena_alloc(&a, size);
            ck_assert_ptr_nonnull(block[i]);
            ck_assert_uint_eq((uintptr_t)block[i] % 64, 0);
            ck_assert(all_are(block[i], 0, size));
            memset(block[i], (int)(i % 255) + 1, size);
        }
        for (size_t i = 0; i < BLOCKS; i++)
            ck_assert(all_are(block[i], i % 255 + 1, i * i % 5000));
        arena_clear(&a);
        ck_assert_uint_eq(arena_live_bytes(), 0);
    }
}
END_TEST

START_TEST(test_large_blocks_have_room)
{
    struct arena a = {0};
    char *small = arena_alloc(&a, 1), *large = arena_array(&a, 3, 1 << 20);
    ck_assert_ptr_nonnull(large);
    memset(large, 1, 3 << 20);
    ck_assert_int_eq(*small, 0);
    ck_assert_uint_ge(arena_live_bytes(), 3 << 20);
    ck_assert_ptr_nonnull(arena_array(&a, 0, 8));
    arena_clear(&a);
    arena_clear(&a);
    ck_assert_uint_eq(arena_live_bytes(), 0);
}
END_TEST

START_TEST(test_text_is_copied)
{
    struct arena a = {0};
    char original[] = "width", *copy = arena_text(&a, original);
    original[0] = 'x';
    ck_assert_str_eq(copy, "width");
    ck_assert_str_eq(arena_text(&a, ""), "");
    arena_clear(&a);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("arena");
    TCase *t = check_case(s, "arena");
    tcase_add_test(t, test_impossible_sizes_give_null);
    tcase_add_test(t, test_blocks_are_aligned_zeroed_and_apart);
    tcase_add_test(t, test_large_blocks_have_room);
    tcase_add_test(t, test_text_is_copied);
    return check_run(s);
}
