/* arena.h - blocks of memory that are given back all at once. */
#ifndef SHOAL_BASE_ARENA_H
#define SHOAL_BASE_ARENA_H

#include <stddef.h>

/* Grows by chunks, never moves what it gave out. Zero-initialise to use. */
struct arena {
    struct arena_chunk *last;
};

/* size bytes, zeroed, aligned to 64; NULL when memory is exhausted. Local. */
void *arena_alloc(struct arena *a, size_t size);

/* count elements of size bytes; NULL also when the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* Copy of a string. */
char *arena_text(struct arena *a, const char *text);

/* Gives everything back; the arena can be used again. */
void arena_clear(struct arena *a);

/* Bytes of all chunks that exist in this process: 0 when nothing leaks. */
size_t arena_live_bytes(void);

/* size bytes in no arena, to free(); in large pages where there are such: to touch the small
 * pages of so much memory for the first time costs as much as to compute what is written. */
void *arena_large_alloc(size_t size);

#endif
