/* cmd_status.c - how a run stands, from its journal: works beside a live run, without MPI. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "coord/cli.h"
#include "coord/progress.h"
#include "coord/results.h"

#define ALIVE_S 30 /* rank 0 shows a sign of life every two seconds */

/* Has the last run come to its end, well or not? */
static bool is_over(const struct run_status *run)
{
    return run->ended > 0 && run->ended >= run->started;
}

/* running, done, stopped (ended, resumable), failed (ended by an error), dead (no sign of
 * life), none. */
static const char *run_word(const struct run_status *run, double age)
{
    if (run->runs == 0) return "none";
    if (is_over(run))
        return run->exit_code == 75 ? "stopped" : run->exit_code <= 1 ? "done" : "failed";
    return age >= 0 && age < ALIVE_S ? "running" : "dead";
}

static void print_json(const struct state *s, const char *word, double age)
{
    int64_t count[TRIAL_STATES];
    state_counts(s, count);
    const struct run_status *run = state_run(s);
    json_t *trials = json_object();
    for (int i = 0; i < TRIAL_STATES; i++)
        json_object_set_new(trials, table_row(&trial_states, i)->name, json_integer(count[i]));
    double eta = progress_eta_s(s);
    json_t *root =
        json_pack("{si ss so sI si ss}", "schema", 1, "state", word, "trials", trials, "total",
                  (json_int_t)run->trials, "ranks", run->ranks, "host", run->host);
    json_object_set_new(root, "eta_s", isnan(eta) ? json_null() : json_real(eta));
    json_object_set_new(root, "heartbeat_age_s", json_real(age));
    json_object_set_new(root, "started", json_real(run->started));
    json_object_set_new(root, "exit_code",
                        is_over(run) ? json_integer(run->exit_code) : json_null());
    json_dumpf(root, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(12));
    putchar('\n');
    json_decref(root);
}

static void print_text(const struct state *s, const char *word, double age)
{
    const struct run_status *run = state_run(s);
    char counts[256], ago[32], beat[32], eta[32];
    double left = progress_eta_s(s);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double age_of_run = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec - run->started;
    bool running = strcmp(word, "running") == 0;
    if (run->runs == 0) {
        printf("nothing has run yet\n");
        return;
    }
    printf("%s  %d rank%s on %s, started %s ago, heartbeat %s ago\n", word, run->ranks,
           run->ranks == 1 ? "" : "s", run->host, text_duration(fmax(0, age_of_run), ago),
           text_duration(age, beat));
    printf("%lld trials: %s", (long long)run->trials,
           progress_counts(s, ", ", false, counts, sizeof counts));
    if (running && !isnan(left)) printf("     ETA %s", text_duration(left, eta));
    putchar('\n');
    if (strcmp(word, "dead") == 0) printf("no sign of life: the same run line continues\n");
}

/* Where the arrays are that trials leave: they are read from the store itself. */
static void print_arrays(const char *store_path)
{
    struct arena arena = {0};
    int n;
    char **name = results_arrays(store_path, &arena, &n);
    for (int i = 0; name && i < n; i++) printf("%s/arrays/%s", i ? ", " : "arrays: ", name[i]);
    if (name && n) printf(" in %s\n", store_path);
    arena_clear(&arena);
}

int cmd_status(const struct options *o)
{
    struct err e = {.rank = -1};
    for (;;) {
        struct state *s;
        double age = journal_age_s(o->arg[0]);
        if (age < 0) {
            ERR(&e, ERR_IO, "%s has no journal: nothing was run with this store", o->arg[0]);
            return cli_fail(&e);
        }
        if (state_read(o->arg[0], &s, &e) != ERR_OK) return cli_fail(&e);
        const char *word = run_word(state_run(s), age);
        int exit_code = is_over(state_run(s)) ? state_run(s)->exit_code : 75;
        if (o->json)
            print_json(s, word, age);
        else
            print_text(s, word, age);
        if (!o->json) print_arrays(o->arg[0]);
        fflush(stdout);
        state_destroy(s);
        bool running = strcmp(word, "running") == 0;
        if (!running || !o->watch) return o->exit_code ? exit_code : 0;
        nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    }
}
