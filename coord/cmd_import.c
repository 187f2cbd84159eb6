/* cmd_import.c - `shoal import`: representations made elsewhere become a model of a store. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/cli.h"
#include "coord/import_read.h"
#include "coord/imported.h"

/* The attributes of --attr. */
static enum err_code attributes_read(const struct options *o, struct imported_model *m,
                                     struct arena *arena, struct err *e)
{
    int n = o->attr.n;
    if (n > IMPORTED_MAX_ATTRIBUTES)
        return ERR(e, ERR_USAGE, "--attr: at most %d are kept", IMPORTED_MAX_ATTRIBUTES);
    m->attribute = arena_array(arena, (size_t)n, sizeof *m->attribute);
    if (!m->attribute) return ERR(e, ERR_NOMEM, "no memory for %d attributes", n);
    for (int i = 0; i < n; i++) {
        const char *word = o->attr.word[i], *equals = strchr(word, '=');
        char key[IMPORTED_NAME] = "";
        if (equals) snprintf(key, sizeof key, "%.*s", (int)(equals - word), word);
        if (!equals || equals - word >= IMPORTED_NAME ||
            !imported_attribute_set(&m->attribute[m->n_attributes++], key, equals + 1))
            return ERR(e, ERR_USAGE,
                       "--attr wants KEY=VALUE, got '%.200s': a key has up to %d letters, "
                       "digits, _ . -, a letter first; a value up to %d bytes of text",
                       word, IMPORTED_NAME - 1, IMPORTED_TEXT - 1);
    }
    return ERR_OK;
}

/* A text option into a place of IMPORTED_NAME bytes. */
static enum err_code name_take(const char *option, const char *text, char *out, struct err *e)
{
    if (!text) return ERR_OK;
    if (!imported_layer_ok(text))
        return ERR(e, ERR_USAGE, "--%s: '%.200s' is no name of 1 to %d bytes without /", option,
                   text, IMPORTED_NAME - 1);
    strcpy(out, text);
    return ERR_OK;
}

static enum err_code model_describe(const struct options *o, struct imported_model *m,
                                    struct arena *arena, struct err *e)
{
    if (!o->model) return ERR(e, ERR_USAGE, "say what to call the model: --model NAME");
    TRY(name_take("model", o->model, m->name, e));
    TRY(name_take("modality", o->modality, m->modality, e));
    TRY(name_take("probe", o->probe, m->probe, e));
    return attributes_read(o, m, arena, e);
}

int cmd_import(const struct options *o)
{
    struct err e = {.rank = -1};
    struct arena arena = {0};
    struct imported_model m = {0};
    struct text warnings = {0};
    struct import_request r = {.store = o->arg[0],
                               .path = o->arg[1],
                               .rows = o->rows,
                               .layer = o->layer.word,
                               .n_layers = o->layer.n,
                               .force = o->force};
    enum err_code rc = model_describe(o, &m, &arena, &e);
    if (rc == ERR_OK) rc = import_model(&r, &m, &warnings, &e);
    if (rc == ERR_OK && warnings.at) fputs(warnings.at, stderr);
    if (rc == ERR_OK && !o->quiet)
        printf("%s: %d layer%s of %" PRId64 " rows, id %016" PRIx64 "\n", m.name, m.n_layers,
               m.n_layers == 1 ? "" : "s", m.n, m.id);
    text_clear(&warnings);
    arena_clear(&arena);
    return rc == ERR_OK ? 0 : cli_fail(&e);
}
