/* cmd_run.c - run, resume, align: in a launched rank they work, elsewhere they launch. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/journal.h"
#include "coord/launch.h"
#include "coord/plan.h"
#include "coord/results.h"
#include "coord/run.h"

enum { MAX_WORDS = 200 };

/* The words to give to each rank. */
struct words {
    const char *at[MAX_WORDS + 1];
    int n;
};

static void add(struct words *w, const char *word)
{
    INVARIANT(w->n < MAX_WORDS);
    w->at[w->n++] = word;
}

static void add_option(struct words *w, const char *name, const char *value)
{
    if (!value) return;
    add(w, name);
    add(w, value);
}

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
    struct words w = {0};
    add(&w, "run");
    add(&w, o->arg[0]);
    add_option(&w, "-o", store);
    snprintf(seeds, sizeof seeds, "%lld", (long long)o->seeds);
    if (o->seeds) add_option(&w, "--seeds", seeds);
    add_option(&w, "--max-failures", o->max_failures);
    if (o->fail_fast) add(&w, "--fail-fast");
    if (o->quiet) add(&w, "--quiet");
    for (int i = 0; i < o->n_set; i++) add_option(&w, "--set", o->set[i]);
    return launch(o, w.at, store);
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

/* Writes the sweep text kept in the store to STORE.d/sweep.yaml, for run to read. */
static enum err_code sweep_recover(const char *store, char *path, size_t size, struct err *e)
{
    struct results *r = NULL;
    TRY(results_read(store, &r, e));
    journal_path(store, "sweep.yaml", path, size);
    FILE *f = fopen(path, "w");
    bool ok = f && fputs(r->sweep, f) >= 0;
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

int cmd_align(const struct options *o)
{
    if (run_launched()) return run_align(o, o->arg[0]);
    char epsilon[32], clip[32];
    struct words w = {0};
    add(&w, "align");
    add(&w, o->arg[0]);
    add_option(&w, "--measure", o->measure);
    add_option(&w, "--normalize", o->normalize);
    if (o->epsilon == o->epsilon) add_option(&w, "--epsilon", text_double(o->epsilon, epsilon));
    if (o->clip == o->clip) add_option(&w, "--clip", text_double(o->clip, clip));
    if (o->force) add(&w, "--force");
    if (o->json) add(&w, "--json");
    return launch(o, w.at, NULL);
}
