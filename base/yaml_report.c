/* yaml_report.c - problems of a file, and the report that shows each at its line. Text from the
 * file is made safe for a terminal on its way out. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/yaml.h"

enum {
    MAX_SHOWN = 160, /* columns of a source line; a longer one is cut around the place */
    LEAD = 60,       /* columns of it in front of the place */
};

/* Copy with control characters replaced, which quotes and escapes of YAML can hide. */
static const char *printable(struct yaml_file *file, const char *text)
{
    if (!text) return NULL;
    char *copy = arena_text(&file->arena, text);
    INVARIANT(copy);
    for (char *s = copy; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
    return copy;
}

void yaml_problem(struct yaml_file *file, struct yaml_mark mark, const char *hint,
                  const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (const struct yaml_problem *p = file->problem; p; p = p->before) {
        bool same_place = p->mark.line == mark.line && p->mark.column == mark.column;
        if (same_place && strcmp(p->text, text) == 0) return;
    }
    struct yaml_problem *p = arena_alloc(&file->arena, sizeof *p);
    INVARIANT(p);
    *p = (struct yaml_problem){.mark = mark,
                               .text = printable(file, text),
                               .hint = printable(file, hint),
                               .number = file->n_problems++,
                               .before = file->problem};
    file->problem = p;
}

/* Adds the columns first .. last - 1 (from 1) of a line, tabs as one blank, what is no text as
 * '?'. */
static void add_columns(struct text *out, const char *line, int first, int last)
{
    size_t left = strcspn(line, "\n");
    if (left && line[left - 1] == '\r') left--;
    for (int column = 1; left && column < last; column++) {
        unsigned code = 0;
        int bytes = text_code_point(line, left, &code);
        bool good = bytes && code >= 0x20 && (code < 0x7f || code >= 0xa0);
        int length = bytes ? bytes : 1;
        if (column >= first && good)
            text_add_bytes(out, line, (size_t)bytes);
        else if (column >= first)
            text_add_bytes(out, code == '\t' ? " " : "?", 1);
        line += length;
        left -= (size_t)length;
    }
}

/* The source line of a problem and a caret under the place. */
static void add_excerpt(struct text *out, const char *source, const struct yaml_problem *p,
                        bool color)
{
    const char *line = source;
    for (int i = 1; line && i < p->mark.line; i++)
        if ((line = strchr(line, '\n'))) line++;
    if (!line) return;
    int first = p->mark.column > MAX_SHOWN - LEAD ? p->mark.column - LEAD : 1;
    text_add(out, "%5d | %s", p->mark.line, first > 1 ? "... " : "");
    add_columns(out, line, first, first + MAX_SHOWN);
    text_add(out, "\n      | %*s%s^", p->mark.column - first + (first > 1 ? 4 : 0), "",
             color ? "\033[1;32m" : "");
    for (int i = 1; i < p->mark.length && p->mark.column - first + i < MAX_SHOWN; i++)
        text_add(out, "~");
    text_add(out, "%s%s%s\n", color ? "\033[0m" : "", p->hint ? " " : "",
             p->hint ? p->hint : "");
}

static void add_problem(struct text *out, const struct yaml_file *file,
                        const struct yaml_problem *p, bool color)
{
    const char *bold = color ? "\033[1m" : "", *red = color ? "\033[1;31m" : "";
    const char *plain = color ? "\033[0m" : "";
    text_add(out, "%s%s:", bold, file->name);
    if (p->mark.line > 0) text_add(out, "%d:%d:", p->mark.line, p->mark.column);
    text_add(out, "%s %serror:%s %s\n", plain, red, plain, p->text);
    if (p->mark.line > 0)
        add_excerpt(out, file->source, p, color);
    else if (p->hint)
        text_add(out, "      | %s\n", p->hint);
}

static int compare_places(const void *a, const void *b)
{
    const struct yaml_problem *p = *(struct yaml_problem *const *)a;
    const struct yaml_problem *q = *(struct yaml_problem *const *)b;
    if (p->mark.line != q->mark.line) return p->mark.line < q->mark.line ? -1 : 1;
    if (p->mark.column != q->mark.column) return p->mark.column < q->mark.column ? -1 : 1;
    return p->number - q->number;
}

char *yaml_report(const struct yaml_file *file, bool color)
{
    int n = file->n_problems;
    if (n == 0) return NULL;
    const struct yaml_problem **in_order = malloc((size_t)n * sizeof *in_order);
    INVARIANT(in_order);
    int i = n;
    for (const struct yaml_problem *p = file->problem; p; p = p->before) in_order[--i] = p;
    qsort(in_order, (size_t)n, sizeof(const struct yaml_problem *), compare_places);
    struct text out = {0};
    for (i = 0; i < n; i++) add_problem(&out, file, in_order[i], color);
    text_add(&out, "%d error%s\n", n, n == 1 ? "" : "s");
    free(in_order);
    return out.at;
}
