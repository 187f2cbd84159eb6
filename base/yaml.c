/* yaml.c - from the bytes of a file to a tree of nodes.
 *
 * The bytes are checked first (UTF-8, control characters, tabs in front of a line), so that
 * lines end in '\n' alone and columns are code points, here as in libyaml. Then libyaml's
 * events build the tree. A problem of syntax ends the tree (root is NULL); any other is noted
 * and the reading goes on. All memory is the file's arena.
 *
 * To explain another slip of the pen: a row of `syntax_hints`. What a scalar means is decided
 * in yaml_scalar.c, what a report looks like in yaml_report.c. */
#include "base/yaml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/text.h"

enum {
    MAX_DEPTH = 64,
    MAX_BYTES = 16 << 20, /* of a file */
    MAX_NODES = 1 << 20,  /* with every alias written out */
};

/* A node with a name, for aliases. Its size counts nodes; 0 while it is still being read. */
struct anchor {
    const char *name;
    struct yaml_node *node;
    int size;
    struct anchor *before;
};

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    struct yaml_file *file;
    struct anchor *anchors;
    int n_nodes;
    bool broken; /* a problem that ends the tree */
    struct err *e;
};

static enum err_code no_memory(const struct yaml_file *file, struct err *e)
{
    return ERR(e, ERR_NOMEM, "%s: out of memory while reading", file->name);
}

/* ---- bytes ---- */

/* Also the Unicode line separators, which libyaml would count as lines and editors do not. */
static bool is_control(unsigned code)
{
    return (code < 0x20 && code != '\n' && code != '\t') || (code >= 0x7f && code < 0xa0) ||
           code == 0x2028 || code == 0x2029 || code == 0xfeff || code == 0xfffe ||
           code == 0xffff;
}

/* Notes the first byte that is not text, and tabs that indent. Returns false if libyaml must
 * not see the rest. */
static bool check_bytes(struct yaml_file *file, const char *text, size_t length)
{
    struct yaml_mark at = {1, 1, 1};
    bool indent = true, good = true;
    for (size_t i = 0; i < length;) {
        unsigned code = 0;
        int bytes = text_code_point(text + i, length - i, &code);
        bool line_end = code == '\r' && i + 1 < length && text[i + 1] == '\n';
        if (bytes == 0) {
            yaml_problem(file, at, "save the file as UTF-8", "byte 0x%02x is not UTF-8 text",
                         (unsigned char)text[i]);
            return false;
        }
        if (is_control(code) && !line_end) {
            yaml_problem(file, at, NULL, "control character U+%04X", code);
            return false;
        }
        if (indent && code == '\t') {
            yaml_problem(file, at, "indent with spaces", "tab in front of a line");
            good = false;
        }
        indent = indent && code == ' ';
        at.column++;
        if (code == '\n') {
            at = (struct yaml_mark){at.line + 1, 1, 1};
            indent = true;
        }
        i += (size_t)bytes;
    }
    return good;
}

/* ---- events ---- */

static struct yaml_mark mark_of(yaml_mark_t start, yaml_mark_t end)
{
    bool one_line = start.line == end.line && end.column > start.column;
    return (struct yaml_mark){(int)start.line + 1, (int)start.column + 1,
                              one_line ? (int)(end.column - start.column) : 1};
}

/* What libyaml says, and what its writer probably did. */
static const struct {
    const char *says, *hint;
} syntax_hints[] = {
    {"mapping values are not allowed", "quote text that contains ': '"},
    {"did not find expected key", "is it indented like the keys above?"},
    {"did not find expected '-' indicator", "is it indented like the entries above?"},
    {"did not find expected ',' or '}'", "a ',' or the closing '}' is missing"},
    {"did not find expected ',' or ']'", "a ',' or the closing ']' is missing"},
    {"could not find expected ':'", "a key is followed by ': ' and its value"},
    {"character that cannot start any token", "quote text that starts with @, ` or %"},
    {"unexpected end of stream", "a closing quote is missing"},
};

/* The place behind the last character that is neither blank nor a line end: where a file stops
 * whose end comes too early. */
static struct yaml_mark mark_end(const struct yaml_file *file)
{
    struct yaml_mark end = {1, 1, 1}, at = end;
    for (const char *s = file->source; *s; s++) {
        if (((unsigned char)*s & 0xc0) == 0x80) continue;
        at.column++;
        if (!isspace((unsigned char)*s)) end = at;
        if (*s == '\n') at = (struct yaml_mark){at.line + 1, 1, 1};
    }
    return end;
}

static enum err_code syntax_problem(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return no_memory(r->file, r->e);
    const char *says = p->problem ? p->problem : "not YAML", *hint = NULL;
    for (size_t i = 0; i < sizeof syntax_hints / sizeof *syntax_hints; i++)
        if (strstr(says, syntax_hints[i].says)) hint = syntax_hints[i].hint;
    struct yaml_mark at = mark_of(p->problem_mark, p->problem_mark), end = mark_end(r->file);
    if (at.line > end.line || (at.line == end.line && at.column > end.column)) at = end;
    char where[64] = "";
    if (p->context && p->context_mark.line != p->problem_mark.line)
        snprintf(where, sizeof where, " (from %zu:%zu on)", p->context_mark.line + 1,
                 p->context_mark.column + 1);
    yaml_problem(r->file, at, hint, "%s%s%s%s", says, p->context ? " " : "",
                 p->context ? p->context : "", where);
    r->broken = true;
    return ERR_OK;
}

/* The next event into r->event. Check r->broken after it. */
static enum err_code next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (!yaml_parser_parse(&r->parser, &r->event)) return syntax_problem(r);
    return ERR_OK;
}

static struct yaml_mark event_mark(const struct reader *r)
{
    return mark_of(r->event.start_mark, r->event.end_mark);
}

static void fatal(struct reader *r, struct yaml_mark at, const char *hint, const char *text)
{
    yaml_problem(r->file, at, hint, "%s", text);
    r->broken = true;
}

static enum err_code anchor_add(struct reader *r, const yaml_char_t *name,
                                struct yaml_node *node, struct anchor **out)
{
    *out = NULL;
    if (!name) return ERR_OK;
    struct anchor *a = arena_alloc(&r->file->arena, sizeof *a);
    if (!a) return no_memory(r->file, r->e);
    *a = (struct anchor){.node = node, .before = r->anchors};
    a->name = arena_text(&r->file->arena, (const char *)name);
    if (!a->name) return no_memory(r->file, r->e);
    r->anchors = *out = a;
    return ERR_OK;
}

static void read_alias(struct reader *r, struct yaml_node **out)
{
    const char *name = (const char *)r->event.data.alias.anchor;
    struct anchor *a = r->anchors;
    while (a && strcmp(a->name, name) != 0) a = a->before;
    if (!a)
        fatal(r, event_mark(r), "an anchor '&' stands before its aliases '*'", "unknown alias");
    else if (a->size == 0)
        fatal(r, event_mark(r), NULL, "alias to a value that contains itself");
    else if (a->size > MAX_NODES - r->n_nodes)
        fatal(r, event_mark(r), NULL, "aliases stand for more than a million values");
    else {
        *out = a->node;
        r->n_nodes += a->size;
    }
}

static enum err_code read_scalar(struct reader *r, struct yaml_node *node)
{
    node->kind = YAML_SCALAR;
    node->quoted = r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    const char *text = (const char *)r->event.data.scalar.value;
    if (strlen(text) != r->event.data.scalar.length)
        fatal(r, node->mark, NULL, "text with a NUL character");
    node->text = arena_text(&r->file->arena, text);
    return node->text ? ERR_OK : no_memory(r->file, r->e);
}

static enum err_code read_key(struct reader *r, const char **key, struct yaml_mark *mark)
{
    *mark = event_mark(r);
    if (r->event.type != YAML_SCALAR_EVENT) {
        fatal(r, *mark, "quote it if it is text", "a key must be a word");
        return ERR_OK;
    }
    const char *text = (const char *)r->event.data.scalar.value;
    bool plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && strcmp(text, "<<") == 0)
        fatal(r, *mark, "write the keys out", "merge keys ('<<') are not supported");
    else if (!*text || strlen(text) != r->event.data.scalar.length)
        fatal(r, *mark, NULL, "missing key");
    *key = arena_text(&r->file->arena, text);
    return *key ? ERR_OK : no_memory(r->file, r->e);
}

/* Room for one more child. */
static enum err_code node_grow(struct reader *r, struct yaml_node *node, int *capacity)
{
    if (node->count < *capacity) return ERR_OK;
    *capacity = *capacity ? 2 * *capacity : 8;
    size_t room = (size_t)*capacity, used = (size_t)node->count;
    struct arena *a = &r->file->arena;
    struct yaml_node **child = arena_array(a, room, sizeof *child);
    const char **key = arena_array(a, room, sizeof *key);
    struct yaml_mark *key_mark = arena_array(a, room, sizeof *key_mark);
    if (!child || !key || !key_mark) return no_memory(r->file, r->e);
    if (used) {
        memcpy(child, node->child, used * sizeof *child);
        memcpy(key, node->key, used * sizeof *key);
        memcpy(key_mark, node->key_mark, used * sizeof *key_mark);
    }
    node->child = child;
    node->key = key;
    node->key_mark = key_mark;
    return ERR_OK;
}

static int compare_keys(const void *a, const void *b, void *node)
{
    int i = *(const int *)a, j = *(const int *)b;
    const struct yaml_node *map = node;
    int order = strcmp(map->key[i], map->key[j]);
    return order ? order : i - j;
}

/* Sorting keeps a hostile map of a million keys cheap. */
static enum err_code find_duplicates(struct reader *r, struct yaml_node *map)
{
    int *order = arena_array(&r->file->arena, (size_t)map->count, sizeof *order);
    if (!order) return no_memory(r->file, r->e);
    for (int i = 0; i < map->count; i++) order[i] = i;
    qsort_r(order, (size_t)map->count, sizeof *order, compare_keys, map);
    for (int i = 1, first = 0; i < map->count; i++) {
        const char *key = map->key[order[i]];
        if (strcmp(key, map->key[order[first]]) != 0) {
            first = i;
            continue;
        }
        yaml_problem(r->file, map->key_mark[order[i]], NULL,
                     "duplicate key '%s', first given in line %d", key,
                     map->key_mark[order[first]].line);
    }
    return ERR_OK;
}

static enum err_code read_node(struct reader *r, int depth, struct yaml_node **out);

static enum err_code read_children(struct reader *r, int depth, yaml_event_type_t end,
                                   struct yaml_node *node)
{
    int capacity = 0;
    for (;;) {
        TRY(next(r));
        if (r->broken || r->event.type == end) return ERR_OK;
        TRY(node_grow(r, node, &capacity));
        int i = node->count;
        if (node->kind == YAML_MAP) {
            TRY(read_key(r, &node->key[i], &node->key_mark[i]));
            if (r->broken) return ERR_OK;
            TRY(next(r));
            if (r->broken) return ERR_OK;
        }
        TRY(read_node(r, depth + 1, &node->child[i]));
        if (r->broken) return ERR_OK;
        node->count++;
    }
}

/* The node that the current event starts. */
static enum err_code read_node(struct reader *r, int depth, struct yaml_node **out)
{
    yaml_event_type_t type = r->event.type;
    if (type == YAML_ALIAS_EVENT) {
        read_alias(r, out);
        return ERR_OK;
    }
    bool scalar = type == YAML_SCALAR_EVENT, list = type == YAML_SEQUENCE_START_EVENT;
    yaml_mark_t start = r->event.start_mark;
    struct yaml_node *node = arena_alloc(&r->file->arena, sizeof *node);
    if (!node) return no_memory(r->file, r->e);
    *out = node;
    node->mark = event_mark(r);
    const yaml_char_t *tag = scalar ? r->event.data.scalar.tag
                             : list ? r->event.data.sequence_start.tag
                                    : r->event.data.mapping_start.tag;
    const yaml_char_t *name = scalar ? r->event.data.scalar.anchor
                              : list ? r->event.data.sequence_start.anchor
                                     : r->event.data.mapping_start.anchor;
    if (tag) fatal(r, node->mark, "leave it out", "tags ('!') are not supported");
    if (depth >= MAX_DEPTH) fatal(r, node->mark, NULL, "nested deeper than 64 levels");
    if (++r->n_nodes > MAX_NODES) fatal(r, node->mark, NULL, "more than a million values");
    if (r->broken) return ERR_OK;

    int before = r->n_nodes - 1;
    struct anchor *anchor;
    TRY(anchor_add(r, name, node, &anchor));
    if (scalar) {
        TRY(read_scalar(r, node));
    } else {
        node->kind = list ? YAML_LIST : YAML_MAP;
        TRY(read_children(r, depth, list ? YAML_SEQUENCE_END_EVENT : YAML_MAPPING_END_EVENT,
                          node));
        if (r->broken) return ERR_OK;
        node->mark = mark_of(start, r->event.end_mark);
        if (!list) TRY(find_duplicates(r, node));
    }
    if (anchor) anchor->size = r->n_nodes - before;
    return ERR_OK;
}

static enum err_code read_stream(struct reader *r)
{
    struct yaml_node *root = NULL;
    TRY(next(r)); /* the start of the stream */
    if (r->broken) return ERR_OK;
    TRY(next(r));
    if (r->broken) return ERR_OK;
    if (r->event.type == YAML_STREAM_END_EVENT) {
        fatal(r, (struct yaml_mark){1, 1, 1}, NULL, "the file is empty");
        return ERR_OK;
    }
    TRY(next(r)); /* behind the start of the document */
    if (r->broken) return ERR_OK;
    TRY(read_node(r, 0, &root));
    if (r->broken) return ERR_OK;
    TRY(next(r)); /* the end of the document */
    if (r->broken) return ERR_OK;
    TRY(next(r));
    if (r->broken) return ERR_OK;
    r->file->root = root;
    if (r->event.type != YAML_STREAM_END_EVENT)
        yaml_problem(r->file, event_mark(r), "one file is one document",
                     "a second document starts here");
    return ERR_OK;
}

static enum err_code parse_bytes(const char *name, const char *text, size_t length,
                                 struct yaml_file **out, struct err *e)
{
    static const char bom[] = "\xef\xbb\xbf";
    if (length >= 3 && memcmp(text, bom, 3) == 0) {
        text += 3;
        length -= 3;
    }
    struct yaml_file *file = calloc(1, sizeof *file);
    if (!file) return ERR(e, ERR_NOMEM, "%s: out of memory while reading", name);
    struct reader r = {.file = file, .e = e};
    bool started = false;
    enum err_code rc = ERR_OK;
    file->name = arena_text(&file->arena, name);
    char *copy = arena_alloc(&file->arena, length + 1);
    if (!file->name || !copy) {
        rc = ERR(e, ERR_NOMEM, "%s: out of memory while reading", name);
        goto out;
    }
    memcpy(copy, text, length);
    file->source = copy;
    if (!check_bytes(file, text, length)) goto out;
    started = yaml_parser_initialize(&r.parser);
    if (!started) {
        rc = no_memory(file, e);
        goto out;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)file->source, length);
    rc = read_stream(&r);
out:
    if (started) {
        yaml_event_delete(&r.event);
        yaml_parser_delete(&r.parser);
    }
    if (rc != ERR_OK) {
        yaml_destroy(file);
        file = NULL;
    }
    *out = file;
    return rc;
}

enum err_code yaml_parse(const char *name, const char *text, struct yaml_file **out,
                         struct err *e)
{
    return parse_bytes(name, text, strlen(text), out, e);
}

enum err_code yaml_read(const char *path, struct yaml_file **out, struct err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "<stdin>" : path;
    *out = NULL;
    FILE *in = is_stdin ? stdin : fopen(path, "rb");
    if (!in) return ERR(e, ERR_IO, "cannot open %s: %s", path, strerror(errno));
    struct text text = {0};
    char block[1 << 14];
    size_t got;
    enum err_code rc = ERR_OK;
    errno = 0;
    while (text.length <= MAX_BYTES && (got = fread(block, 1, sizeof block, in)) > 0)
        text_add_bytes(&text, block, got);
    if (ferror(in))
        rc = ERR(e, ERR_IO, "cannot read %s: %s", name, strerror(errno));
    else if (text.length > MAX_BYTES)
        rc =
            ERR(e, ERR_IO, "%s is larger than %d MiB: not a sweep file", name, MAX_BYTES >> 20);
    else
        rc = parse_bytes(name, text.at ? text.at : "", text.length, out, e);
    text_clear(&text);
    if (!is_stdin) fclose(in);
    return rc;
}

void yaml_destroy(struct yaml_file *file)
{
    if (!file) return;
    arena_clear(&file->arena);
    free(file);
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP) return NULL;
    for (int i = 0; i < map->count; i++)
        if (strcmp(map->key[i], key) == 0) return map->child[i];
    return NULL;
}
