/* cmd_results.c - export and report: what a store holds, as a table or as a page. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "coord/cli.h"
#include "coord/export.h"
#include "coord/filter.h"
#include "coord/report.h"
#include "coord/results.h"
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

int cmd_report(const struct options *o)
{
    struct err e = {.rank = -1};
    struct results *r = NULL;
    struct sweep *sweep = NULL;
    const char *dir = o->output ? o->output : "report";
    enum err_code code = results_read(o->arg[0], &r, &e);
    if (code == ERR_OK) code = sweep_stored(r, o->arg[0], &sweep, &e);
    struct text summary = {0};
    if (code == ERR_OK) code = report_write(r, &sweep->report, dir, &summary, &e);
    if (code == ERR_OK && !o->quiet)
        printf("%sreport: %s/index.html\n", summary.at ? summary.at : "", dir);
    text_clear(&summary);
    sweep_destroy(sweep);
    results_destroy(r);
    return code == ERR_OK ? 0 : cli_fail(&e);
}
