/* plan_inner.h - what the parts of the planner share. Private to coord/plan*.c. */
#ifndef SHOAL_COORD_PLAN_INNER_H
#define SHOAL_COORD_PLAN_INNER_H

#include "base/text.h"
#include "coord/plan.h"
#include "coord/plan_index.h"

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

/* The configurations of a stage in groups, by the settings that another one shares with it. */
struct plan_match {
    int n_fields;
    const struct field **field;
    struct plan_index groups; /* by the hash of their values */
    int64_t n_groups, *start; /* [n_groups + 1] */
    int64_t *member;          /* [start[n_groups]] configurations, in their order */
};

/* What is known of a stage beside its place. */
struct plan_part {
    int n_levels;
    struct plan_level *level;
    const char **base;   /* [n_identity] lines of the base */
    bool *varies;        /* [n_identity] does the field differ between configurations? */
    uint64_t shared;     /* hash of which parents have one seed for all of its own; 0: none */
    int n_needs;         /* places of a configuration in need: its parents, and its choice */
    int64_t *need;       /* [n_configs, n_needs] configurations (-1: a file); group of best */
    int64_t capacity;    /* configurations in need */
    int64_t first_group; /* number of the first group of best among all choices */
    struct plan_match match[TASK_MAX_PARENTS], best;
    uint64_t file[TASK_MAX_PARENTS]; /* hashes of what files hold */
};

struct plan_inner {
    struct arena arena;
    int n_identity;
    struct plan_identity *identity;
    struct plan_part *part; /* [n_stages] */
    int64_t n_choices;
    unsigned char *keeps; /* [n_configs] whose weights others need; NULL: none */
    int64_t *place;       /* [n_configs] */
    uint32_t *found;      /* [n_found] trial + 1 by id */
    size_t n_found;
};

/* Hash of bytes, never 0. */
uint64_t plan_hash(const void *bytes, size_t size);

/* The identity fields of the experiment, sorted by key, and their lines for each base. */
enum err_code plan_identity_setup(struct plan *p, struct err *e);
/* Place of f among them, or -1. */
int plan_identity_of(const struct plan_inner *inner, const struct field *f);
/* Adds "key=value\n" to out, nothing at the default. */
void plan_identity_line(const struct field *f, const struct config *c, struct text *out);
/* The id of configuration c, whose lines stand in inner->identity; needs: further lines. */
uint64_t plan_identity_hash(const struct plan *p, const struct config *c, const char *needs);

/* Fills levels, configurations, shapes and what varies. Contradictions become problems of the
 * sweep's file. */
enum err_code plan_expand(struct plan *p, struct err *e);

/* Does the condition hold of the configuration? */
bool plan_holds(const struct sweep *s, const struct expr *condition, const struct config *c);

/* Makes ready to look up what stage s needs, once the stages before it are expanded. Files that
 * cannot be read and numbers of seeds that do not fit become problems. */
enum err_code plan_needs_setup(struct plan *p, int s, struct err *e);
/* When all stages are expanded: whose weights others need, which settings of parents tell
 * children apart. */
enum err_code plan_needs_end(struct plan *p, struct err *e);
void plan_needs_clear(struct plan_inner *inner, int n_stages);
/* The group of m that configuration c belongs to, or -1. */
int64_t plan_match_find(const struct plan_match *m, const struct config *c);
/* Networks that configuration c of stage s needs; parent: their configurations. */
void plan_parents_of(const struct plan *p, int s, const struct config *c, const int64_t *parent,
                     struct parents *out);
/* What the needs add to the identity of a configuration of stage s: its places in need. */
void plan_needs_lines(const struct plan *p, int s, const int64_t *need, struct text *out);
/* Trials in the order that ends a plan with needs soonest: by the FLOPs from a trial's start to
 * the end of the longest chain that waits for it. */
enum err_code plan_order_critical(struct plan *p, struct err *e);

#endif
