/* cmd_run.c - run and resume: in a launched rank they work, elsewhere they launch. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "coord/journal.h"
#include "coord/launch.h"
#include "coord/plan.h"
#include "coord/results.h"
#include "coord/run.h"

static int front_run(const struct options *o, const char *store)
{
    struct sweep *sweep;
    struct plan *plan;
    int status;
    if (!cli_plan(o, &sweep, &plan, &status)) return status; /* before any rank starts */
    if (!o->quiet)
        fprintf(stderr, "%s: %lld trials -> %s\n", sweep->name, (long long)plan->n_trials,
                store);
    plan_destroy(plan);
    sweep_destroy(sweep);
    char seeds[24];
    struct launch_words w = {0};
    launch_add(&w, "run");
    launch_add(&w, o->arg[0]);
    launch_option(&w, "-o", store);
    snprintf(seeds, sizeof seeds, "%lld", (long long)o->seeds);
    if (o->seeds) launch_option(&w, "--seeds", seeds);
    launch_option(&w, "--max-failures", o->max_failures);
    if (o->fail_fast) launch_add(&w, "--fail-fast");
    if (o->quiet) launch_add(&w, "--quiet");
    for (int i = 0; i < o->set.n; i++) launch_option(&w, "--set", o->set.word[i]);
    return launch(o, &w, store);
}

int cmd_run(const struct options *o)
{
    char store[4096];
    cli_store(o, o->arg[0], store, sizeof store);
    if (o->dry_run) return cmd_plan(o);
    if (run_launched()) return run_ranks(o, store);
    if (strcmp(o->arg[0], "-") == 0) {
        fprintf(stderr,
                "shoal: run reads its sweep file on every start: give it a file, not '-'\n");
        return 2;
    }
    return front_run(o, store);
}

/* The path of STORE.d/sweep.yaml, for run to read; made from the store when it is not there. */
static enum err_code sweep_recover(const char *store, char *path, size_t size, struct err *e)
{
    struct results *r = NULL;
    journal_path(store, SWEEP_KEPT, path, size);
    if (access(path, R_OK) == 0) return ERR_OK;
    TRY(results_read(store, &r, e));
    FILE *f = fopen(path, "w");
    bool ok = f && r->resolved && fputs(r->resolved, f) >= 0;
    if (f && fclose(f) != 0) ok = false;
    results_destroy(r);
    return ok ? ERR_OK : ERR(e, ERR_IO, "cannot write %s", path);
}

int cmd_resume(const struct options *o)
{
    char path[4096];
    struct err e = {.rank = -1};
    if (run_launched()) {
        fprintf(stderr, "shoal: under mpirun or srun, continue with: shoal run FILE -o %s\n",
                o->arg[0]);
        return 2;
    }
    if (sweep_recover(o->arg[0], path, sizeof path, &e) != ERR_OK) return cli_fail(&e);
    const char *arg[] = {path, NULL};
    struct options run = *o;
    run.arg = arg;
    run.output = o->arg[0];
    return front_run(&run, o->arg[0]);
}
