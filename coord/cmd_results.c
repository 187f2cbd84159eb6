/* cmd_results.c - export and report: what a store holds, as a table or as a page. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/cli.h"
#include "coord/export.h"
#include "coord/figure.h"
#include "coord/filter.h"
#include "coord/report.h"
#include "coord/results.h"
#include "coord/scaling.h"
#include "coord/sweep.h"
#include "coord/sweep_stored.h"

static enum err_code export_to(const struct options *o, const struct results *r, struct err *e)
{
    struct arena arena = {0};
    struct expr *filter = NULL, *at = NULL;
    enum err_code code = filter_parse(r, o->filter ? o->filter : "", &arena, &filter, e);
    if (code == ERR_OK) code = filter_parse(r, o->at ? o->at : "", &arena, &at, e);
    if (code == ERR_OK && at && o->records)
        code = ERR(e, ERR_USAGE, "--at chooses one record, --records wants all");
    FILE *out = stdout;
    if (code == ERR_OK && o->output && strcmp(o->output, "-") != 0) {
        out = fopen(o->output, "w");
        if (!out) code = ERR(e, ERR_IO, "cannot write %s", o->output);
    }
    if (code == ERR_OK) code = export_rows(r, out, o->json, o->records, filter, at, e);
    if (out && out != stdout && fclose(out) != 0 && code == ERR_OK)
        code = ERR(e, ERR_IO, "cannot write %s", o->output);
    arena_clear(&arena);
    return code;
}

int cmd_export(const struct options *o)
{
    struct err e = {.rank = -1};
    struct results *r = NULL;
    enum err_code code = results_read(o->arg[0], &r, &e);
    if (code == ERR_OK) code = export_to(o, r, &e);
    results_destroy(r);
    return code == ERR_OK ? 0 : cli_fail(&e);
}

/* Numbers of parameters as a metric, where a figure wants them: the store does not hold them. */
static enum err_code add_params(struct results *r, const struct sweep *sweep, struct err *e)
{
    bool wanted = false;
    for (int i = 0; i < sweep->report.n_figures; i++) {
        const struct figure_spec *f = &sweep->report.figure[i];
        wanted |= f->type != table_find(&figure_types, "scaling") && !strcmp(f->x, "params");
    }
    if (!wanted) return ERR_OK;
    double *params = calloc((size_t)r->n_trials + 1, sizeof *params);
    enum err_code rc = params ? scaling_params(sweep, r, params, e)
                              : ERR(e, ERR_NOMEM, "no memory for numbers of parameters");
    if (rc == ERR_OK) rc = results_add_metric(r, "params", params, e);
    free(params);
    return rc;
}

int cmd_report(const struct options *o)
{
    struct err e = {.rank = -1};
    struct results *r = NULL;
    struct sweep *sweep = NULL;
    const char *dir = o->output ? o->output : "report";
    enum err_code code = results_read(o->arg[0], &r, &e);
    if (code == ERR_OK) code = sweep_stored(r, o->arg[0], &sweep, &e);
    struct text summary = {0};
    if (code == ERR_OK) code = add_params(r, sweep, &e);
    if (code == ERR_OK) code = report_write(r, &sweep->report, dir, &summary, &e);
    if (code == ERR_OK && !o->quiet)
        printf("%sreport: %s/index.html\n", summary.at ? summary.at : "", dir);
    text_clear(&summary);
    sweep_destroy(sweep);
    results_destroy(r);
    return code == ERR_OK ? 0 : cli_fail(&e);
}
