/* progress.c - one redrawn block on a terminal, self-contained lines elsewhere. */
#include "coord/progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/job.h"

enum progress_kind { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_LINES, PROGRESS_JSON };

struct progress {
    const char *store;
    enum progress_kind kind;
    double run_before; /* when the last run in the journal began, 0: none */
    double next, last_line, next_share;
    int lines;           /* of the block on the terminal */
    int64_t done_before; /* finished trials when the run began, -1 while unknown */
    bool color;
};

static const struct {
    const char *name;
    enum progress_kind kind;
} kinds[] = {{"none", PROGRESS_NONE},
             {"bar", PROGRESS_BAR},
             {"lines", PROGRESS_LINES},
             {"json", PROGRESS_JSON}};

struct progress *progress_create(const struct options *o, const char *store)
{
    struct progress *p = calloc(1, sizeof *p);
    INVARIANT(p);
    p->store = store;
    const char *term = getenv("TERM");
    bool terminal = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
    p->kind = terminal ? PROGRESS_BAR : PROGRESS_LINES;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (o->progress && strcmp(o->progress, kinds[i].name) == 0) p->kind = kinds[i].kind;
    if (!store || o->quiet) p->kind = PROGRESS_NONE;
    p->color = cli_color(o);
    struct state *s = NULL;
    struct err e;
    if (store && state_read(store, &s, &e) == ERR_OK) p->run_before = state_run(s)->started;
    state_destroy(s);
    p->next = p->last_line = job_now();
    p->done_before = -1;
    return p;
}

void progress_destroy(struct progress *p)
{
    free(p);
}

double progress_eta_s(const struct state *s)
{
    const struct run_status *run = state_run(s);
    int workers = run->workers > 0 ? run->workers : 1;
    return run->rate > 0 ? run->flops_left / run->rate / workers : NAN;
}

const char *progress_counts(const struct state *s, const char *between, bool label_first,
                            char *out, size_t size)
{
    int64_t count[TRIAL_STATES];
    state_counts(s, count);
    size_t used = 0;
    out[0] = '\0';
    static const enum trial_state order[] = {TRIAL_DONE,    TRIAL_RUNNING,  TRIAL_QUEUED,
                                             TRIAL_PLANNED, TRIAL_DIVERGED, TRIAL_FAILED,
                                             TRIAL_LOST,    TRIAL_SKIPPED};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        if (count[order[i]] == 0 || used + 1 >= size) continue;
        const char *name = table_row(&trial_states, order[i])->name;
        char number[24];
        snprintf(number, sizeof number, "%lld", (long long)count[order[i]]);
        used += (size_t)snprintf(out + used, size - used, "%s%s %s", used ? between : "",
                                 label_first ? name : number, label_first ? number : name);
    }
    return out;
}

static double share_done(const struct state *s)
{
    const struct run_status *run = state_run(s);
    return run->flops_total > 0 ? 1 - run->flops_left / run->flops_total : 0;
}

static int64_t finished(const struct state *s)
{
    int64_t count[TRIAL_STATES];
    state_counts(s, count);
    return count[TRIAL_DONE] + count[TRIAL_DIVERGED] + count[TRIAL_FAILED] +
           count[TRIAL_SKIPPED];
}

static int columns(void)
{
    struct winsize w;
    const char *env = getenv("COLUMNS");
    if (env && atoi(env) > 20) return atoi(env);
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 20 ? w.ws_col : 80;
}

static void draw_bar(struct progress *p, const struct state *s)
{
    char counts[256], eta[32] = "unknown";
    double left = progress_eta_s(s), share = share_done(s);
    if (!isnan(left)) text_duration(left, eta);
    int width = columns() - 44;
    if (width > 40) width = 40;
    if (width < 5) width = 5;
    int full = (int)floor(share * width);
    if (p->lines) fprintf(stderr, "\x1b[%dF\x1b[J", p->lines);
    fputs(p->color ? "\x1b[36m" : "", stderr);
    for (int i = 0; i < width; i++)
        fputs(i < full ? "━" : p->color ? "\x1b[2m━\x1b[22m" : "─", stderr);
    fprintf(stderr, "%s %3.0f %%  cost-weighted   ETA %s\n%s\n", p->color ? "\x1b[0m" : "",
            floor(100 * share), eta, progress_counts(s, "  ", true, counts, sizeof counts));
    p->lines = 2;
}

static void draw_line(struct progress *p, const struct state *s)
{
    char counts[256], eta[32] = "unknown", stamp[32];
    double left = progress_eta_s(s), share = share_done(s), now = job_now();
    if (now - p->last_line < 60 || share < p->next_share) return;
    p->last_line = now;
    p->next_share = share + 0.05;
    time_t clock = time(NULL);
    struct tm tm;
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", localtime_r(&clock, &tm));
    if (!isnan(left)) text_duration(left, eta);
    if (p->kind == PROGRESS_JSON)
        fprintf(stderr, "{\"time\":\"%s\",\"share\":%.4f,\"finished\":%lld,\"trials\":%lld}\n",
                stamp, share, (long long)finished(s), (long long)state_run(s)->trials);
    else
        fprintf(stderr, "%s %.0f %%  %s  ETA %s\n", stamp, 100 * share,
                progress_counts(s, ", ", false, counts, sizeof counts), eta);
}

/* The journal's state if the run that we started has begun in it, or NULL. */
static struct state *state_now(const struct progress *p)
{
    struct state *s = NULL;
    struct err e;
    if (state_read(p->store, &s, &e) != ERR_OK) return NULL;
    if (state_run(s)->started > 0 && state_run(s)->started != p->run_before) return s;
    state_destroy(s);
    return NULL;
}

void progress_draw(struct progress *p)
{
    double began = job_now();
    if (p->kind == PROGRESS_NONE || began < p->next) return;
    struct state *s = state_now(p);
    if (s && p->done_before < 0) p->done_before = finished(s);
    if (s && p->kind == PROGRESS_BAR)
        draw_bar(p, s);
    else if (s)
        draw_line(p, s);
    state_destroy(s);
    double now = job_now(), cost = now - began;
    p->next = now + (cost > 0.01 ? 20 * cost : 0.2); /* at most 5 % of a core */
}

int progress_finish(struct progress *p)
{
    if (!p->store) return -1;
    struct state *s = state_now(p);
    if (!s) return -1;
    char counts[256], took[32];
    if (p->kind == PROGRESS_BAR) draw_bar(p, s);
    const struct run_status *run = state_run(s);
    bool ended = run->ended >= run->started && run->ended > 0;
    if (p->kind != PROGRESS_NONE && ended)
        fprintf(stderr, "%lld trials: %s in %s\n", (long long)run->trials,
                progress_counts(s, ", ", false, counts, sizeof counts),
                text_duration(run->ended - run->started, took));
    int code = ended ? run->exit_code : -1;
    state_destroy(s);
    return code;
}
