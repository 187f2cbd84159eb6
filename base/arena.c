/* arena.c - a chain of chunks; an allocation larger than a chunk gets a chunk of its own. */
#include "base/arena.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64, CHUNK = 1 << 16 };

struct arena_chunk {
    struct arena_chunk *before;
    size_t size, used; /* of the bytes behind this header */
    char pad[ALIGN - sizeof(void *) - 2 * sizeof(size_t)];
};
_Static_assert(sizeof(struct arena_chunk) == ALIGN, "data of a chunk starts aligned");

static atomic_size_t live_bytes;

static struct arena_chunk *chunk_create(size_t size, struct arena_chunk *before)
{
    if (size < CHUNK) size = CHUNK;
    struct arena_chunk *chunk = aligned_alloc(ALIGN, sizeof *chunk + size);
    if (!chunk) return NULL;
    *chunk = (struct arena_chunk){.before = before, .size = size};
    live_bytes += size;
    return chunk;
}

void *arena_alloc(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    if (!a->last || a->last->size - a->last->used < size) {
        struct arena_chunk *chunk = chunk_create(size, a->last);
        if (!chunk) return NULL;
        a->last = chunk;
    }
    void *at = (char *)(a->last + 1) + a->last->used;
    a->last->used += size;
    return memset(at, 0, size);
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size) return NULL;
    return arena_alloc(a, count * size);
}

char *arena_text(struct arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = arena_alloc(a, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void arena_clear(struct arena *a)
{
    while (a->last) {
        struct arena_chunk *chunk = a->last;
        a->last = chunk->before;
        live_bytes -= chunk->size;
        free(chunk);
    }
}

size_t arena_live_bytes(void)
{
    return live_bytes;
}

void *arena_large_alloc(size_t size)
{
    enum { LARGE_PAGE = 2 << 20 };
    if (size < 2 * LARGE_PAGE) return malloc(size);
    if (size > SIZE_MAX / 2) return NULL;
    size_t whole = (size + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE;
    void *p = aligned_alloc(LARGE_PAGE, whole);
#ifdef MADV_HUGEPAGE
    if (p) madvise(p, whole, MADV_HUGEPAGE); /* advice: a refusal does no harm */
#endif
    return p;
}
