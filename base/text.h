/* text.h - small helpers for text: nearest names, round-trip numbers, sizes for people. */
#ifndef SHOAL_BASE_TEXT_H
#define SHOAL_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* Search for the known name nearest to a mistyped one (optimal string alignment distance: a
 * transposition counts as one). found stays NULL while nothing is near enough to suggest. */
struct text_nearest {
    const char *wanted;
    const char *found; /* borrowed from the caller of text_nearest_try */
    int distance;
};
struct text_nearest text_nearest_init(const char *wanted);
void text_nearest_try(struct text_nearest *best, const char *known);

/* Number of edits (insert, delete, replace, swap neighbours) between two words. */
int text_distance(const char *a, const char *b);

/* Is word one of the words of a space-separated list? A NULL list has none. */
bool text_listed(const char *list, const char *word);

/* Shortest decimal text that reads back as the same double; "nan", "inf". Returns buffer. */
const char *text_double(double value, char buffer[32]);

/* "1.2 MB", "830 B" (powers of 1000). Returns buffer. */
const char *text_bytes(double bytes, char buffer[32]);

/* "1 h 12 min", "3.4 s", "19 min", "230 ms". Returns buffer. */
const char *text_duration(double seconds, char buffer[32]);

/* "900", "12 k", "3.1 M", "4.2 G", ... of a unitless count such as FLOPs. Returns buffer. */
const char *text_count(double count, char buffer[32]);

/* Bytes of the UTF-8 code point that text starts with (left > 0 bytes of it), or 0 if that is
 * no UTF-8: a stray or missing byte, too long a spelling, a surrogate. */
int text_code_point(const char *text, size_t left, unsigned *code);

/* A growing string. Zero-initialise; free with text_clear. Aborts when memory is exhausted. */
struct text {
    char *at; /* NUL-terminated, NULL while empty */
    size_t length, capacity;
};
void text_add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_add_bytes(struct text *t, const char *bytes, size_t length);
void text_add_csv(struct text *t, const char *cell); /* quoted where RFC 4180 wants it */
void text_clear(struct text *t);

#endif
