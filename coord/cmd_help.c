/* cmd_help.c - help and version. */
#include <jansson.h>
#include <stdio.h>

#include "base/field.h"
#include "base/text.h"
#include "coord/cli.h"
#include "coord/provenance.h"
#include "worker/config.h"

int cmd_version(const struct options *o)
{
    struct provenance p;
    struct err e = {.rank = -1};
    if (provenance_collect(&p, NULL, &e) != ERR_OK) return cli_fail(&e);
    json_t *root = json_pack("{si}", "schema", 1);
    for (int i = 0; i < p.n; i++)
        if (o->json)
            json_object_set_new(root, p.pair[2 * i], json_string(p.pair[2 * i + 1]));
        else
            printf("%-10s %s\n", p.pair[2 * i], p.pair[2 * i + 1]);
    if (o->json) {
        json_dumpf(root, stdout, JSON_INDENT(1));
        putchar('\n');
    }
    json_decref(root);
    provenance_clear(&p);
    return 0;
}

static void help_field(const struct field *f)
{
    printf("%s: %s\n", f->row.name, f->row.help);
    if (f->fallback) printf("  default  %s\n", *f->fallback ? f->fallback : "(empty)");
    if (f->min < f->max)
        printf("  range    %s%.15g, %.15g%s\n", f->flags & FIELD_OPEN_MIN ? "(" : "[", f->min,
               f->max, f->flags & FIELD_OPEN_MAX ? ")" : "]");
    if (f->unit) printf("  unit     %s\n", f->unit);
    if (f->word) printf("  or       %s\n", f->word);
    if (f->only_key) printf("  only for %s: %s\n", f->only_key, f->only_names);
    if (f->row.source) printf("  source   %s\n", f->row.source);
    for (int i = 0; f->names && i < f->names->count; i++)
        printf("  %-18s %s\n", table_row(f->names, i)->name, table_row(f->names, i)->help);
}

int cmd_help(const struct options *o)
{
    if (o->n_args == 0) {
        cli_help(true);
        return 0;
    }
    int i = table_find(&verbs, o->arg[0]);
    if (i >= 0) {
        cli_help_verb((const struct verb *)table_row(&verbs, i));
        return 0;
    }
    const struct field *f = field_find(&config_fields, o->arg[0], NULL);
    if (f) {
        help_field(f);
        return 0;
    }
    struct text_nearest near = text_nearest_init(o->arg[0]);
    for (i = 0; i < verbs.count; i++) text_nearest_try(&near, table_row(&verbs, i)->name);
    for (i = 0; i < config_fields.count; i++)
        text_nearest_try(&near, table_row(&config_fields, i)->name);
    struct err e = {.rank = -1};
    ERR(&e, ERR_USAGE, "no verb or setting '%s'%s%s%s", o->arg[0],
        near.found ? "; did you mean '" : "", near.found ? near.found : "",
        near.found ? "'?" : "; see: shoal help, shoal list settings");
    return cli_fail(&e);
}
