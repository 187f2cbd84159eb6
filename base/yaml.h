/* yaml.h - a YAML file as a tree whose every node knows its place, and the list of what is
 * wrong with it. Wraps libyaml. */
#ifndef SHOAL_BASE_YAML_H
#define SHOAL_BASE_YAML_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/* A place in the file: line and column count from 1, length in columns (at least 1). */
struct yaml_mark {
    int line, column, length;
};

struct yaml_node {
    enum yaml_kind kind;
    struct yaml_mark mark;    /* of the value */
    const char *text;         /* YAML_SCALAR: its text, unescaped */
    bool quoted;              /* YAML_SCALAR: written in quotes, or a block scalar */
    int count;                /* YAML_LIST, YAML_MAP: number of children */
    struct yaml_node **child; /* values, in the order of the file */
    const char **key;         /* YAML_MAP: count keys */
    struct yaml_mark *key_mark;
};

/* Something wrong at a place. */
struct yaml_problem {
    struct yaml_mark mark;
    const char *text, *hint;     /* hint: what to do about it, or NULL */
    int number;                  /* order in which it was found, from 0 */
    struct yaml_problem *before; /* the one found before it */
};

/* One file and everything found wrong in it. Errors are collected, not returned one by one. */
struct yaml_file {
    const char *name;             /* as shown in messages; "<stdin>", "--set" */
    const char *source;           /* the whole text, NUL-terminated */
    struct yaml_node *root;       /* NULL if it could not be parsed */
    struct yaml_problem *problem; /* the last one found */
    int n_problems;
    struct arena arena; /* owns all of the above */
};

/* Parses text (copied). Syntax errors, tabs, duplicate keys, aliases that contain themselves,
 * nesting deeper than 64 and a second document become problems of the file; *out is then still
 * valid. Local.
 * errors   ERR_NOMEM */
enum err_code yaml_parse(const char *name, const char *text, struct yaml_file **out,
                         struct err *e);

/* The same of a file ("-" is stdin).
 * errors   ERR_IO names the file and the reason, which may be that it is too large; ERR_NOMEM */
enum err_code yaml_read(const char *path, struct yaml_file **out, struct err *e);
void yaml_destroy(struct yaml_file *file);

/* Value of key in a map, or NULL. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Adds a problem at a place, unless the same was found there before; hint (may be NULL) is printed after the caret. A mark whose line
 * is 0 is no place: only the file's name is shown. Local. */
void yaml_problem(struct yaml_file *file, struct yaml_mark mark, const char *hint,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* All problems in the order of the file as in docs: "file:line:column: error: text", the source
 * line, a caret line with the hint, and at the end "N errors". Returns text to free(), NULL if
 * there are none. */
char *yaml_report(const struct yaml_file *file, bool color);

/* A plain scalar as a number. Strict: no octal (0777), no sexagesimal (12:30), no underscores,
 * no trailing text; 1e-3, .5, 1.0e+6 and integers in any of these spellings that are whole are
 * taken. hex 0x1f is refused. Returns false and leaves *out alone if it is none. */
bool yaml_number(const struct yaml_node *node, double *out);
bool yaml_integer(const struct yaml_node *node, int64_t *out);

/* Why a scalar that looks reasonable is refused where a number, true/false or a name is wanted,
 * and how to write it instead: yes, ~, 0777, 12:30, 1_000, a number in quotes, ... NULL if it
 * is none of the known traps. */
const char *yaml_trap(const struct yaml_node *node);

#endif
