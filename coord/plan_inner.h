/* plan_inner.h - what the parts of the planner share. Private to coord/plan*.c. */
#ifndef SHOAL_COORD_PLAN_INNER_H
#define SHOAL_COORD_PLAN_INNER_H

#include "base/text.h"
#include "coord/plan.h"

enum { PLAN_MAX_TRIALS = 100000000 }; /* also the most combinations looked at */

/* A field of the identity and the text it contributes at the moment. */
struct plan_identity {
    const struct field *field;
    const struct plan_identity *on; /* the field it depends on, or NULL */
    bool *applies;                  /* [rows of on] for which of its values */
    const char *line;               /* "key=value\n"; "" at the default */
};

/* One loop of the expansion: an axis, perhaps inside a `when`. */
struct plan_level {
    const struct axis *axis;
    const struct when *when; /* whose first axis this is, else NULL */
    int past;                /* level behind the last axis of that when */
    int64_t stride;          /* of its digit in a place */
    char *text;              /* identity lines of all values, one behind the other */
    size_t *line;            /* [count * n_fields] where each starts in text */
    int *identity;           /* [n_fields] place in the list of identity fields */
};

struct plan_inner {
    struct arena arena;
    int n_levels, n_identity;
    struct plan_level *level;
    struct plan_identity *identity;
    int64_t *place;  /* [n_configs] */
    uint32_t *found; /* [n_found] trial + 1 by id */
    size_t n_found;
};

/* Hash of bytes, never 0. */
uint64_t plan_hash(const void *bytes, size_t size);

/* The identity fields of the experiment, sorted by key, with their lines for the base. */
enum err_code plan_identity_setup(struct plan *p, struct err *e);
/* Place of f among them, or -1. */
int plan_identity_of(const struct plan_inner *inner, const struct field *f);
/* Adds "key=value\n" to out, nothing at the default. */
void plan_identity_line(const struct field *f, const struct config *c, struct text *out);
/* The id of configuration c, whose lines stand in inner->identity. */
uint64_t plan_identity_hash(const struct plan *p, const struct config *c);

/* Fills levels, configurations, shapes and what varies. Contradictions become problems of the
 * sweep's file. */
enum err_code plan_expand(struct plan *p, struct err *e);

/* Does the condition hold of the configuration? */
bool plan_holds(const struct sweep *s, const struct expr *condition, const struct config *c);

#endif
