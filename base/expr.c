/* expr.c - conditions: a recursive-descent parser and a walk over its tree.
 *
 *   either     = both { "or" both }
 *   both       = one { "and" one }
 *   one        = "not" one | "(" either ")" | operand [ op operand | "in" "[" operand {"," ...}
 * "]" ] operand    = number | "true" | "false" | 'quoted' | key | name
 *
 * The children of a node are a list, so that its depth is that of the parentheses, which is
 * limited, and not the length of the text. A new comparison is a row of `operators`. */
#include "base/expr.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/yaml.h"

enum { MAX_DEPTH = 64, MAX_WORD = 128 };

static const struct operator
{
    const char *name;
    bool less, equal, greater, unordered; /* what it says of each outcome */
}
operators[] = {
    {"==", .equal = true},
    {"!=", .less = true, .greater = true, .unordered = true},
    {"<=", .less = true, .equal = true},
    {">=", .greater = true, .equal = true},
    {"<", .less = true},
    {">", .greater = true},
};

enum expr_kind { EXPR_VALUE, EXPR_KEY, EXPR_COMPARE, EXPR_IN, EXPR_NOT, EXPR_AND, EXPR_OR };

struct expr {
    enum expr_kind kind;
    struct expr_value value;   /* EXPR_VALUE */
    const char *key;           /* EXPR_KEY */
    const struct operator* op; /* EXPR_COMPARE */
    struct expr *child, *next; /* the first child; the next one of the same parent */
};

struct parser {
    struct arena *arena;
    const char *text, *at; /* behind the current word */
    const char *word;      /* the current one */
    size_t length;         /* of it; 0: the end */
    const struct expr_scope *scope;
    int depth;
    struct err *e;
};

/* ---- words ---- */

static bool in_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '@';
}

static size_t number_length(const char *s)
{
    size_t n = *s == '+' || *s == '-';
    while (in_word(s[n]) || s[n] == ':' ||
           ((s[n] == '+' || s[n] == '-') && n && (s[n - 1] == 'e' || s[n - 1] == 'E')))
        n++;
    return n;
}

static bool starts_number(const char *s)
{
    s += *s == '+' || *s == '-';
    return isdigit((unsigned char)s[*s == '.']);
}

static size_t word_length(const char *s)
{
    if (!*s) return 0;
    if (starts_number(s)) return number_length(s);
    size_t n = 0;
    if (*s == '\'' || *s == '"') {
        const char *end = strchr(s + 1, *s);
        return end ? (size_t)(end - s) + 1 : strlen(s);
    }
    while (in_word(s[n])) n++;
    if (n) return n;
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++)
        if (strncmp(s, operators[i].name, strlen(operators[i].name)) == 0)
            return strlen(operators[i].name);
    if ((s[0] == '&' || s[0] == '|') && s[1] == s[0]) return 2;
    n = 1; /* a whole character, for the message */
    while (((unsigned char)s[n] & 0xc0) == 0x80) n++;
    return n;
}

static void next(struct parser *p)
{
    p->at += strspn(p->at, " \t\n\r");
    p->word = p->at;
    p->length = word_length(p->at);
    p->at += p->length;
}

static bool is(const struct parser *p, const char *word)
{
    return p->length == strlen(word) && strncmp(p->word, word, p->length) == 0;
}

static bool accept(struct parser *p, const char *word)
{
    if (!is(p, word)) return false;
    next(p);
    return true;
}

static enum err_code no_memory(struct parser *p)
{
    return ERR(p->e, ERR_NOMEM, "out of memory while reading a condition");
}

/* What people write who know another language. */
static const struct {
    const char *wrong, *right;
} habits[] = {{"=", "=="},    {"&&", "and"},    {"||", "or"},      {"!", "not"},
              {"&", "and"},   {"|", "or"},      {"AND", "and"},    {"OR", "or"},
              {"NOT", "not"}, {"True", "true"}, {"False", "false"}};

static enum err_code expected(struct parser *p, const char *what)
{
    if (!p->length)
        return ERR(p->e, ERR_CONFIG, "expected %s, but the condition ends here", what);
    int length = p->length > 60 ? 60 : (int)p->length;
    for (size_t i = 0; i < sizeof habits / sizeof *habits; i++)
        if (is(p, habits[i].wrong))
            return ERR(p->e, ERR_CONFIG, "expected %s, got '%.*s'; did you mean '%s'?", what,
                       length, p->word, habits[i].right);
    return ERR(p->e, ERR_CONFIG, "expected %s, got '%.*s'", what, length, p->word);
}

/* ---- operands ---- */

static enum err_code node_create(struct parser *p, enum expr_kind kind, struct expr **out)
{
    *out = arena_alloc(p->arena, sizeof **out);
    if (!*out) return no_memory(p);
    (*out)->kind = kind;
    return ERR_OK;
}

static enum err_code copy_word(struct parser *p, const char *from, size_t length,
                               const char **out)
{
    char *copy = arena_alloc(p->arena, length + 1);
    if (!copy) return no_memory(p);
    memcpy(copy, from, length);
    *out = copy;
    return ERR_OK;
}

static enum err_code number(struct parser *p, const char *word, struct expr *x)
{
    struct yaml_node node = {.kind = YAML_SCALAR, .text = word};
    if (yaml_number(&node, &x->value.number)) return ERR_OK;
    const char *hint = yaml_trap(&node);
    return ERR(p->e, ERR_CONFIG, "expected a number, got '%.60s'%s%s", word, hint ? "; " : "",
               hint ? hint : "");
}

static bool allows(const struct parser *p, const char *key, const char *text)
{
    return !p->scope->allows || p->scope->allows(p->scope->self, key, text);
}

static enum err_code unknown_key(struct parser *p, const char *key)
{
    const char *near = p->scope->nearest ? p->scope->nearest(p->scope->self, key) : NULL;
    return ERR(p->e, ERR_CONFIG, "unknown key '%.60s'%s%s%s", key,
               near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
}

static bool is_reserved(const struct parser *p)
{
    return is(p, "and") || is(p, "or") || is(p, "not") || is(p, "in");
}

/* One operand. left is the other side, NULL for the first one, where a word must be a key. */
static enum err_code operand(struct parser *p, const struct expr *left, struct expr **out)
{
    bool quoted = *p->word == '\'' || *p->word == '"';
    bool numeric = starts_number(p->word);
    if (!quoted && !numeric && (!in_word(*p->word) || is_reserved(p)))
        return expected(p, left ? "a value" : "a key such as model.width");
    if (quoted && (p->length < 2 || p->word[p->length - 1] != *p->word))
        return ERR(p->e, ERR_CONFIG, "a closing %c is missing", *p->word);
    TRY(node_create(p, EXPR_VALUE, out));
    struct expr *x = *out;
    const char *word = NULL;
    TRY(copy_word(p, p->word + quoted, p->length - 2 * quoted, &word));
    if (numeric) {
        TRY(number(p, word, x));
    } else if (!quoted && (is(p, "true") || is(p, "false"))) {
        x->value.number = is(p, "true");
    } else if (!quoted && p->scope->knows(p->scope->self, word)) {
        x->kind = EXPR_KEY;
        x->key = word;
    } else if (!quoted && (!left || left->kind != EXPR_KEY)) {
        return unknown_key(p, word);
    } else {
        if (left && left->kind == EXPR_KEY && !allows(p, left->key, word))
            return ERR(p->e, ERR_CONFIG, "'%.60s' is not a value of %s", word, left->key);
        x->value = (struct expr_value){.is_text = true, .text = word};
    }
    next(p);
    return ERR_OK;
}

/* ---- conditions ---- */

static enum err_code either(struct parser *p, struct expr **out);

static enum err_code comparison(struct parser *p, struct expr **out)
{
    const char *start = p->word;
    struct expr *left, *x;
    TRY(operand(p, NULL, &left));
    if (accept(p, "in")) {
        TRY(node_create(p, EXPR_IN, &x));
        if (!accept(p, "[")) return expected(p, "'[' and a list of values");
        struct expr **last = &left->next;
        do {
            TRY(operand(p, left, last));
            last = &(*last)->next;
        } while (accept(p, ","));
        if (!accept(p, "]")) return expected(p, "',' or ']'");
        x->child = left;
        *out = x;
        return ERR_OK;
    }
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        if (!accept(p, operators[i].name)) continue;
        TRY(node_create(p, EXPR_COMPARE, &x));
        x->op = &operators[i];
        x->child = left;
        TRY(operand(p, left, &left->next));
        *out = x;
        return ERR_OK;
    }
    /* nothing follows: a setting that can be true, or true itself */
    bool literal = left->value.is_text || starts_number(start);
    if (literal || (left->kind == EXPR_KEY && !allows(p, left->key, "true")))
        return expected(p, "a comparison such as == or <");
    *out = left;
    return ERR_OK;
}

static enum err_code one(struct parser *p, struct expr **out)
{
    if (p->depth >= MAX_DEPTH)
        return ERR(p->e, ERR_CONFIG, "a condition nested deeper than %d levels", MAX_DEPTH);
    if (accept(p, "not")) {
        TRY(node_create(p, EXPR_NOT, out));
        p->depth++;
        TRY(one(p, &(*out)->child));
        p->depth--;
        return ERR_OK;
    }
    if (!accept(p, "(")) return comparison(p, out);
    p->depth++;
    TRY(either(p, out));
    p->depth--;
    if (!accept(p, ")")) return expected(p, "')'");
    return ERR_OK;
}

/* part { word part } as one node with all parts, or the part alone. */
static enum err_code chain(struct parser *p, const char *word, enum expr_kind kind,
                           enum err_code (*part)(struct parser *, struct expr **),
                           struct expr **out)
{
    struct expr *first, *last;
    TRY(part(p, &first));
    *out = last = first;
    while (accept(p, word)) {
        if (last == first) {
            TRY(node_create(p, kind, out));
            (*out)->child = first;
        }
        TRY(part(p, &last->next));
        last = last->next;
    }
    return ERR_OK;
}

static enum err_code both(struct parser *p, struct expr **out)
{
    return chain(p, "and", EXPR_AND, one, out);
}

static enum err_code either(struct parser *p, struct expr **out)
{
    return chain(p, "or", EXPR_OR, both, out);
}

enum err_code expr_parse(struct arena *a, const char *text, const struct expr_scope *scope,
                         struct expr **out, int *column, struct err *e)
{
    struct parser p = {.arena = a, .text = text, .at = text, .scope = scope, .e = e};
    next(&p);
    enum err_code rc = either(&p, out);
    if (rc == ERR_OK && p.length) rc = expected(&p, "'and', 'or' or the end");
    *column = 0;
    for (const char *s = text; s < p.word; s++) *column += ((unsigned char)*s & 0xc0) != 0x80;
    if (rc != ERR_OK) *out = NULL;
    return rc;
}

/* ---- values ---- */

static struct expr_value value_of(const struct expr *x, expr_lookup lookup, void *self)
{
    return x->kind == EXPR_KEY ? lookup(self, x->key) : x->value;
}

static bool compare(const struct operator* op, struct expr_value a, struct expr_value b)
{
    if (a.is_text != b.is_text) return op->unordered;
    if (a.is_text) {
        int order = strcmp(a.text, b.text);
        return order < 0 ? op->less : order > 0 ? op->greater : op->equal;
    }
    if (isnan(a.number) || isnan(b.number)) return op->unordered;
    return a.number < b.number ? op->less : a.number > b.number ? op->greater : op->equal;
}

bool expr_true(const struct expr *x, expr_lookup lookup, void *self)
{
    const struct expr *child = x->child;
    switch (x->kind) {
    case EXPR_NOT: return !expr_true(child, lookup, self);
    case EXPR_AND:
        while (child && expr_true(child, lookup, self)) child = child->next;
        return !child;
    case EXPR_OR:
        while (child && !expr_true(child, lookup, self)) child = child->next;
        return child;
    case EXPR_COMPARE:
        return compare(x->op, value_of(child, lookup, self),
                       value_of(child->next, lookup, self));
    case EXPR_IN: {
        struct expr_value wanted = value_of(child, lookup, self);
        const struct expr *item = child->next;
        while (item && !compare(&operators[0], wanted, value_of(item, lookup, self)))
            item = item->next;
        return item;
    }
    case EXPR_VALUE:
    case EXPR_KEY: break;
    }
    struct expr_value value = value_of(x, lookup, self);
    return !value.is_text && value.number != 0 && !isnan(value.number);
}
