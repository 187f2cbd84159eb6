/* cmd_check.c - `shoal check`: is the sweep file right, and do its settings fit together? */
#include <stdio.h>

#include "coord/cli.h"
#include "coord/plan.h"

int cmd_check(const struct options *o)
{
    struct sweep *sweep;
    struct plan *plan;
    int status;
    if (!cli_plan(o, &sweep, &plan, &status)) return status;
    if (!o->quiet)
        printf("%s: ok: %lld trial%s\n", sweep->file->name, (long long)plan->n_trials,
               plan->n_trials == 1 ? "" : "s");
    plan_destroy(plan);
    sweep_destroy(sweep);
    return 0;
}
