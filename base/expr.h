/* expr.h - conditions over settings: `model.width >= 4096 and optim.name == sgd`.
 *
 *   or, and, not, ( ), == != < <= > >=, in [a, b, c]; numbers, true, false, names, 'quoted
 * text' */
#ifndef SHOAL_BASE_EXPR_H
#define SHOAL_BASE_EXPR_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

struct expr;

struct expr_value {
    bool is_text;
    double number; /* also of true and false */
    const char *text;
};

/* Resolves a key while parsing: returns false for an unknown key. */
struct expr_scope {
    bool (*knows)(void *self, const char *key);
    /* Is text a possible value of key? A key that stands alone must allow "true". NULL: all
     * are. */
    bool (*allows)(void *self, const char *key, const char *text);
    void *self;
    /* The known key nearest to a mistyped one, or NULL. NULL: no suggestions. */
    const char *(*nearest)(void *self, const char *key);
};

/* Parses text. A word right of a comparison that is no known key is a name. On error ERR_CONFIG
 * and *column (from 0, in text, counting characters) tells where. Memory comes from the arena.
 * Local. */
enum err_code expr_parse(struct arena *a, const char *text, const struct expr_scope *scope,
                         struct expr **out, int *column, struct err *e);

/* Value of key for the thing being tested. */
typedef struct expr_value (*expr_lookup)(void *self, const char *key);

/* Text compares with text, numbers with numbers; a comparison of the two is false (!= is true),
 * as is any with NaN. */
bool expr_true(const struct expr *x, expr_lookup lookup, void *self);

#endif
