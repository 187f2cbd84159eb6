/* text.c - see text.h. */
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_LENGTH = 63 };

int text_distance(const char *a, const char *b)
{
    int n = (int)strlen(a), m = (int)strlen(b);
    if (n > NAME_MAX_LENGTH || m > NAME_MAX_LENGTH) return n > m ? n : m;
    int d[NAME_MAX_LENGTH + 1][NAME_MAX_LENGTH + 1];
    for (int i = 0; i <= n; i++) d[i][0] = i;
    for (int j = 0; j <= m; j++) d[0][j] = j;
    for (int i = 1; i <= n; i++)
        for (int j = 1; j <= m; j++) {
            int best = d[i - 1][j - 1] + (a[i - 1] != b[j - 1]);
            if (d[i - 1][j] + 1 < best) best = d[i - 1][j] + 1;
            if (d[i][j - 1] + 1 < best) best = d[i][j - 1] + 1;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                d[i - 2][j - 2] + 1 < best)
                best = d[i - 2][j - 2] + 1;
            d[i][j] = best;
        }
    return d[n][m];
}

struct text_nearest text_nearest_init(const char *wanted)
{
    int near_enough = (int)strlen(wanted) / 3;
    if (near_enough < 1) near_enough = 1;
    return (struct text_nearest){.wanted = wanted, .distance = near_enough + 1};
}

void text_nearest_try(struct text_nearest *best, const char *known)
{
    int distance = text_distance(best->wanted, known);
    if (distance >= best->distance) return;
    best->distance = distance;
    best->found = known;
}

bool text_listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; at && *at;) {
        size_t size = strcspn(at, " ");
        if (size == length && strncmp(at, word, length) == 0) return true;
        at += size;
        at += strspn(at, " ");
    }
    return false;
}

const char *text_double(double value, char buffer[32])
{
    if (isnan(value)) return strcpy(buffer, "nan");
    if (isinf(value)) return strcpy(buffer, value > 0 ? "inf" : "-inf");
    for (int digits = 15; digits <= 17; digits++) { /* fewer are what %g makes of 15 */
        snprintf(buffer, 32, "%.*g", digits, value);
        if (strtod(buffer, NULL) == value) break;
    }
    return buffer;
}

/* value with three significant digits and the prefix that fits. */
static const char *text_scaled(double value, const char *unit, const char *const *prefix,
                               int n_prefix, char buffer[32])
{
    int i = 0;
    while (fabs(value) >= 999.5 && i + 1 < n_prefix) {
        value /= 1000;
        i++;
    }
    bool whole = i == 0 || fabs(value) >= 99.95;
    snprintf(buffer, 32, whole ? "%.0f%s%s%s" : "%.1f%s%s%s", value,
             *prefix[i] || *unit ? " " : "", prefix[i], unit);
    return buffer;
}

const char *text_bytes(double bytes, char buffer[32])
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P"};
    return text_scaled(bytes, "B", prefix, 6, buffer);
}

const char *text_count(double count, char buffer[32])
{
    static const char *const prefix[] = {"", "k", "M", "G", "T", "P", "E", "Z"};
    return text_scaled(count, "", prefix, 8, buffer);
}

const char *text_duration(double seconds, char buffer[32])
{
    double whole = rint(seconds);
    if (seconds < 0.9995)
        snprintf(buffer, 32, "%.0f ms", seconds * 1e3);
    else if (seconds < 59.95)
        snprintf(buffer, 32, "%.1f s", seconds);
    else if (whole < 3600)
        snprintf(buffer, 32, "%.0f min %02d s", floor(whole / 60), (int)fmod(whole, 60));
    else if (whole < 86400)
        snprintf(buffer, 32, "%.0f h %02d min", floor(whole / 3600), (int)fmod(whole / 60, 60));
    else
        snprintf(buffer, 32, "%.0f d %02d h", floor(whole / 86400),
                 (int)fmod(whole / 3600, 24));
    return buffer;
}

int text_code_point(const char *text, size_t left, unsigned *code)
{
    static const unsigned least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *s = (const unsigned char *)text;
    int length = s[0] < 0x80             ? 1
                 : (s[0] & 0xe0) == 0xc0 ? 2
                 : (s[0] & 0xf0) == 0xe0 ? 3
                 : (s[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    if (length == 0 || (size_t)length > left) return 0;
    *code = length == 1 ? s[0] : s[0] & (0xffu >> (length + 1));
    for (int i = 1; i < length; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (s[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < least[length] || *code > 0x10ffff || surrogate ? 0 : length;
}

static void text_reserve(struct text *t, size_t more)
{
    if (t->length + more + 1 <= t->capacity) return;
    size_t capacity = 2 * t->capacity + more + 64;
    char *grown = realloc(t->at, capacity);
    INVARIANT(grown);
    t->at = grown;
    t->capacity = capacity;
}

void text_add_bytes(struct text *t, const char *bytes, size_t length)
{
    text_reserve(t, length);
    memcpy(t->at + t->length, bytes, length);
    t->length += length;
    t->at[t->length] = '\0';
}

void text_add(struct text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    INVARIANT(length >= 0);
    text_reserve(t, (size_t)length);
    vsnprintf(t->at + t->length, (size_t)length + 1, format, again);
    va_end(again);
    t->length += (size_t)length;
}

void text_add_csv(struct text *t, const char *cell)
{
    if (!strpbrk(cell, ",\"\r\n")) {
        text_add_bytes(t, cell, strlen(cell));
        return;
    }
    text_add_bytes(t, "\"", 1);
    for (; *cell; cell++) text_add_bytes(t, *cell == '"' ? "\"\"" : cell, *cell == '"' ? 2 : 1);
    text_add_bytes(t, "\"", 1);
}

void text_clear(struct text *t)
{
    free(t->at);
    *t = (struct text){0};
}
