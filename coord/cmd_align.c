/* cmd_align.c - `shoal align`: in a launched rank it measures, elsewhere it launches. */
#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "coord/align_baselines.h"
#include "coord/launch.h"
#include "coord/results.h"
#include "coord/run.h"
#include "coord/sweep_stored.h"
#include "linalg/alignment.h"

/* The measures of --measure, comma-separated, instead of those in spec. */
static enum err_code measures_read(const char *list, struct analysis_spec *spec, struct err *e)
{
    spec->n_measures = 0;
    while (*list) {
        size_t length = strcspn(list, ",");
        if (spec->n_measures == SWEEP_MAX_MEASURES || length >= TASK_NAME)
            return ERR(e, ERR_USAGE, "--measure takes up to %d names, comma-separated",
                       SWEEP_MAX_MEASURES);
        char *name = spec->measure[spec->n_measures++];
        snprintf(name, TASK_NAME, "%.*s", (int)length, list);
        const struct alignment_measure *row;
        struct alignment_options parsed;
        TRY(alignment_parse(name, &row, &parsed, e));
        list += length + (list[length] == ',');
    }
    if (spec->n_measures == 0)
        return ERR(e, ERR_USAGE, "--measure wants a name; 'shoal list measures' has them");
    return ERR_OK;
}

/* Flags that are numbers of the specification. */
static const struct number {
    const char *flag;
    size_t from, to; /* in struct options, in struct analysis_spec */
    double most;
    bool zero; /* may be 0 */
} numbers[] = {
    {"--epsilon", offsetof(struct options, epsilon), offsetof(struct analysis_spec, epsilon), 1,
     true},
    {"--clip", offsetof(struct options, clip), offsetof(struct analysis_spec, clip), 1, false},
    {"--sigma", offsetof(struct options, sigma), offsetof(struct analysis_spec, sigma), 1e30,
     true},
    {"--alpha", offsetof(struct options, alpha), offsetof(struct analysis_spec, alpha), 0.5,
     false},
    {"--memory", offsetof(struct options, memory), offsetof(struct analysis_spec, memory_gb),
     1e6, false},
};

/* What to measure: the command line over the sweep in the store over the defaults. */
static enum err_code spec_collect(const struct options *o, struct analysis_spec *spec,
                                  struct err *e)
{
    struct results *r = NULL;
    struct sweep *sweep = NULL;
    TRY(results_read(o->arg[0], &r, e));
    enum err_code code = sweep_stored(r, o->arg[0], &sweep, e);
    results_destroy(r);
    TRY(code);
    *spec = sweep->analysis;
    sweep_destroy(sweep);
    if (o->measure) TRY(measures_read(o->measure, spec, e));
    if (spec->n_measures == 0) TRY(measures_read("cka,cka_unbiased,mutual_knn@10", spec, e));
    if (o->normalize)
        TRY(table_need(&alignment_normalizations, o->normalize, &spec->normalize, e));
    if (o->clip_by) TRY(table_need(&alignment_clips, o->clip_by, &spec->clip_by, e));
    if (o->precision) TRY(table_need(&alignment_precisions, o->precision, &spec->precision, e));
    if (o->baselines) {
        unsigned known;
        TRY(align_baselines_parse(o->baselines, &known, e));
        snprintf(spec->baselines, sizeof spec->baselines, "%s", o->baselines);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double given = *(const double *)((const char *)o + numbers[i].from);
        if (isnan(given)) continue;
        if (given < 0 || given > numbers[i].most || (given == 0 && !numbers[i].zero))
            return ERR(e, ERR_USAGE, "%s %g: want a number %s 0 and at most %g",
                       numbers[i].flag, given, numbers[i].zero ? "from" : "above",
                       numbers[i].most);
        *(double *)((char *)spec + numbers[i].to) = given;
    }
    if (o->probe) snprintf(spec->probe, sizeof spec->probe, "%s", o->probe);
    if (o->permutations) spec->permutations = o->permutations;
    spec->concat |= o->concat;
    spec->within_class |= o->within_class;
    if (spec->within_class && !spec->permutations)
        return ERR(e, ERR_USAGE, "--within-class wants --permutations K");
    if (o->classes && !spec->within_class)
        return ERR(e, ERR_USAGE, "--classes FILE wants --within-class");
    return ERR_OK;
}

static int front_align(const struct options *o, const struct analysis_spec *spec)
{
    struct text names = {0};
    for (int i = 0; i < spec->n_measures; i++)
        text_add(&names, "%s%s", i ? "," : "", spec->measure[i]);
    char value[sizeof numbers / sizeof *numbers][32], permutations[32];
    struct launch_words w = {0};
    launch_add(&w, "align");
    launch_add(&w, o->arg[0]);
    launch_option(&w, "--measure", names.at);
    launch_option(&w, "--normalize",
                  table_row(&alignment_normalizations, spec->normalize)->name);
    launch_option(&w, "--clip-by", table_row(&alignment_clips, spec->clip_by)->name);
    launch_option(&w, "--precision", table_row(&alignment_precisions, spec->precision)->name);
    launch_option(&w, "--baselines", spec->baselines);
    if (*spec->probe) launch_option(&w, "--probe", spec->probe);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        double number = *(const double *)((const char *)spec + numbers[i].to);
        launch_option(&w, numbers[i].flag, text_double(number, value[i]));
    }
    snprintf(permutations, sizeof permutations, "%" PRId64, spec->permutations);
    if (spec->permutations) launch_option(&w, "--permutations", permutations);
    if (o->classes) launch_option(&w, "--classes", o->classes);
    if (spec->concat) launch_add(&w, "--concat");
    if (spec->within_class) launch_add(&w, "--within-class");
    if (o->force) launch_add(&w, "--force");
    struct options all_work = *o; /* no coordinator: as many ranks as cores */
    if (!all_work.np) all_work.np = sysconf(_SC_NPROCESSORS_ONLN);
    int status = launch(&all_work, &w, NULL);
    text_clear(&names);
    return status;
}

int cmd_align(const struct options *o)
{
    struct err e = {.rank = -1};
    struct analysis_spec spec;
    if (spec_collect(o, &spec, &e) != ERR_OK) return cli_fail(&e);
    if (run_launched()) return run_align(o, o->arg[0], &spec);
    int status = front_align(o, &spec);
    if (status == 0 && o->json && run_print_scores(o->arg[0], &spec, &e) != ERR_OK)
        status = cli_fail(&e);
    return status;
}
