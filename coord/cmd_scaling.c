/* cmd_scaling.c - `shoal scaling`: laws fitted to a store. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/cli.h"
#include "coord/scaling.h"
#include "coord/sweep_stored.h"

/* Copies a word of the command line; false if it is too long. NULL leaves it as it is. */
static bool take(const char *word, char *out, size_t size)
{
    return !word || snprintf(out, size, "%s", word) < (int)size;
}

/* The fit of the command line into spec, *n = 1; without --y and --x those of the sweep. */
static enum err_code specs(const struct options *o, const struct sweep *sweep,
                           struct scaling_spec *one, const struct scaling_spec **spec, int *n,
                           struct err *e)
{
    *spec = sweep->analysis.scaling;
    *n = sweep->analysis.n_scaling;
    if (!o->y && !o->x && !o->form && !o->group && !o->filter) {
        if (*n) return ERR_OK;
        return ERR(e, ERR_CONFIG, "the sweep of %s has no analysis.scaling; say --y and --x",
                   o->arg[0]);
    }
    if (!o->y || !o->x) return ERR(e, ERR_USAGE, "a fit wants --y METRIC and --x SIZE, both");
    field_defaults(&sweep_scaling_settings, one);
    if (!take(o->y, one->y, sizeof one->y) || !take(o->x, one->x, sizeof one->x) ||
        !take(o->form, one->form, sizeof one->form) ||
        !take(o->group, one->group, sizeof one->group) ||
        !take(o->filter, one->filter, sizeof one->filter))
        return ERR(e, ERR_USAGE, "--y, --x, --form, --group or --filter is too long");
    *spec = one;
    *n = 1;
    return ERR_OK;
}

static void print(const struct options *o, const json_t *document)
{
    struct text text = {0};
    if (o->json) {
        json_dumpf(document, stdout, JSON_INDENT(1));
        putchar('\n');
        return;
    }
    o->csv ? scaling_csv(document, &text) : scaling_table(document, &text);
    fputs(text.at ? text.at : "", stdout);
    text_clear(&text);
}

int cmd_scaling(const struct options *o)
{
    struct err e = {.rank = -1};
    struct results *r = NULL;
    struct sweep *sweep = NULL;
    struct scaling_spec one;
    const struct scaling_spec *spec;
    json_t *document = NULL;
    int n;
    enum err_code rc = results_read(o->arg[0], &r, &e);
    if (rc == ERR_OK) rc = sweep_stored(r, o->arg[0], &sweep, &e);
    results_destroy(r);
    if (rc == ERR_OK) rc = specs(o, sweep, &one, &spec, &n, &e);
    if (rc == ERR_OK) rc = scaling_store(o->arg[0], sweep, n, spec, &document, &e);
    if (rc == ERR_OK) print(o, document);
    if (rc == ERR_OK && scaling_refused(document))
        rc = ERR(&e, ERR_CONFIG, "%s", scaling_refused(document));
    json_decref(document);
    sweep_destroy(sweep);
    return rc == ERR_OK ? 0 : cli_fail(&e);
}
