/* field.h - settings as table rows: one row gives parsing, range, default, help, JSON schema,
 * canonical text and provenance of one key of the sweep file. Values live in plain structs. */
#ifndef SHOAL_BASE_FIELD_H
#define SHOAL_BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "base/yaml.h"

enum field_type {
    FIELD_INT,   /* int64_t */
    FIELD_FLOAT, /* double */
    FIELD_BOOL,  /* bool */
    FIELD_NAME,  /* int: row number of .names */
    FIELD_TEXT,  /* char[size] */
};

enum field_flag {
    FIELD_IDENTITY = 1, /* part of what makes a configuration itself: hashed, may be swept */
    FIELD_REQUIRED = 2, /* no default */
    FIELD_OPEN_MIN = 4, /* min itself is not allowed */
    FIELD_OPEN_MAX = 8, /* max itself is not allowed */
};

/* Declared in static tables of struct field; row.name is the dotted key, "model.width". */
struct field {
    struct row row;
    enum field_type type;
    size_t offset;             /* of the value in its struct */
    size_t size;               /* FIELD_TEXT: bytes of the array */
    const char *fallback;      /* default as it would be written in the file */
    double min, max;           /* of numbers; both 0: no limit */
    const char *unit;          /* or NULL */
    const char *word;          /* a word allowed beside a number ("full"), or NULL */
    int64_t word_value;        /* FIELD_INT: what the word stands for; of a FIELD_FLOAT NaN */
    const struct table *names; /* FIELD_NAME: where the names come from */
    const char *only_key;      /* the key of a FIELD_NAME field on whose value ... */
    const char *only_names;    /* ... this one depends: "sgd adam"; NULL: applies always */
    unsigned flags;
};

#define FIELD_AT(type, member) offsetof(type, member)

/* Sets every field to its default. A FIELD_REQUIRED one is zeroed. A default that its own row
 * does not accept is a bug. */
void field_defaults(const struct table *fields, void *values);

/* Reads one value from a node into values; what is wrong becomes a problem of file at the node
 * (with the nearest known name as hint) and the function returns false. Local. */
bool field_read(const struct field *f, struct yaml_file *file, const struct yaml_node *node,
                void *values);

/* The same from bare text (--set, defaults). Local.
 * errors   ERR_CONFIG names key, value and what is wanted */
enum err_code field_set(const struct field *f, const char *text, void *values, struct err *e);

/* Reads the map node as the section `section` ("model"): keys are the parts of row names behind
 * "model.". Unknown keys, wrong types and ranges become problems, and so does a FIELD_REQUIRED
 * field that applies and is missing, at the place of the section. was_set[i] (may be NULL)
 * becomes true for each field given; one that is true before is not missing. A section of "" reads top-level scalars. Keys of `skip`, a
 * space-separated list, are left to the caller. map NULL: the file lacks the section. */
void field_read_section(const struct table *fields, const char *section, const char *skip,
                        struct yaml_file *file, const struct yaml_node *map, void *values,
                        bool *was_set);

/* Bytes of the value in its struct. */
size_t field_size(const struct field *f);

/* The value as text: shortest round-trip number, name, "true". Returns out. */
const char *field_text(const struct field *f, const void *values, char *out, size_t size);

/* A number for comparisons and figures: int, float, bool as 0/1, row number of a name. */
double field_number(const struct field *f, const void *values);

/* Does the field matter, given the FIELD_NAME it depends on? */
bool field_applies(const struct field *f, const struct table *fields, const void *values);

/* Does the value differ from the default? */
bool field_differs(const struct field *f, const void *values);

/* The field of that dotted key, or NULL; *index (may be NULL) its place. */
const struct field *field_find(const struct table *fields, const char *key, int *index);

#endif
