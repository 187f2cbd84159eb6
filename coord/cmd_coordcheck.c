/* cmd_coordcheck.c - `shoal coordcheck`: how activations and their movement depend on width. It
 * trains in this process, by itself: a check takes seconds. */
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coord/cli.h"
#include "coord/coordcheck_files.h"
#include "coord/plan.h"
#include "worker/config.h"

enum { SEEDS = 5, STEPS = 5, NARROWEST = 64, WIDEST = 1024, FEWEST = 3 };
#define FLOPS 3e11 /* of default widths with all seeds: ten seconds or so */

static const char *const quantity_name[COORDCHECK_QUANTITIES] = {
    [COORDCHECK_ACTIVATION] = "activation",
    [COORDCHECK_CHANGE] = "change",
};
static const char *const verdict_name[] = {
    [SLOPE_UNDECIDED] = "undecided",
    [SLOPE_INDEPENDENT] = "width-independent",
    [SLOPE_GROWS] = "grows with width",
    [SLOPE_VANISHES] = "vanishes",
};

/* ---- what to check ---- */

/* Inserts a width in ascending order, unless it is there. */
static enum err_code width_add(struct coordcheck *c, int64_t width, struct err *e)
{
    int64_t at = c->n_widths;
    for (int64_t i = 0; i < c->n_widths; i++)
        if (c->width[i] == width) return ERR_OK;
    if (c->n_widths == COORDCHECK_MAX_WIDTHS)
        return ERR(e, ERR_USAGE, "more than %d widths", COORDCHECK_MAX_WIDTHS);
    for (; at > 0 && c->width[at - 1] > width; at--) c->width[at] = c->width[at - 1];
    c->width[at] = width;
    c->n_widths++;
    return ERR_OK;
}

static enum err_code widths_read(const char *list, struct coordcheck *c, struct err *e)
{
    const struct field *field = field_find(&config_fields, "model.width", NULL);
    for (const char *at = list; *at || at == list;) {
        struct config config;
        char word[32];
        size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", (int)length, at);
        if (length >= sizeof word || field_set(field, word, &config, NULL) != ERR_OK)
            return ERR(e, ERR_USAGE,
                       "--widths wants numbers of units, comma-separated, not '%s'", list);
        TRY(width_add(c, config.model.width, e));
        at += length + (at[length] == ',');
    }
    return ERR_OK;
}

/* The values that the file sweeps. */
static enum err_code widths_of_axis(const struct stage *stage, struct coordcheck *c,
                                    struct err *e)
{
    const struct field *field = field_find(&config_fields, "model.width", NULL);
    const struct axis *axis = sweep_axis_of(stage, field);
    for (int64_t i = 0; axis && i < axis->count; i++) {
        struct config config = c->task.config;
        sweep_axis_apply(axis, i, &config);
        TRY(width_add(c, config.model.width, e));
    }
    return ERR_OK;
}

/* Powers of two, as far as they are cheap. */
static enum err_code widths_default(struct coordcheck *c, struct err *e)
{
    double flops = 0;
    c->n_widths = 0;
    for (int64_t width = NARROWEST; width <= WIDEST; width *= 2) {
        c->width[c->n_widths++] = width;
        double more;
        TRY(coordcheck_flops(c, c->n_widths - 1, &more, e));
        flops += more * (double)c->n_seeds;
        if (flops > FLOPS && c->n_widths > FEWEST) {
            c->n_widths--;
            break;
        }
    }
    return ERR_OK;
}

static enum err_code stage_choose(const struct options *o, const struct sweep *sweep, int *out,
                                  struct err *e)
{
    *out = o->stage ? sweep_stage_find(sweep, o->stage) : 0;
    if (*out < 0 || (o->stage && !sweep_has_stages(sweep)))
        return ERR(e, ERR_USAGE, "--stage: %s has no stage '%s'", sweep->file->name, o->stage);
    if (!o->stage && sweep->n_stages > 1)
        return ERR(e, ERR_USAGE, "%s has several stages: say which with --stage, as %s",
                   sweep->file->name, sweep->stage[0].name);
    const struct stage *stage = &sweep->stage[*out];
    if (stage->n_from > 0 || stage->best.stage >= 0)
        return ERR(
            e, ERR_CONFIG,
            "%s: the stage takes networks or settings from others, which have a width of "
            "their own",
            stage->name);
    return ERR_OK;
}

/* The first trial of the stage, its widths, seeds and steps. */
static enum err_code collect(const struct options *o, const struct plan *plan,
                             struct coordcheck *c, struct err *e)
{
    int k;
    TRY(stage_choose(o, plan->sweep, &k, e));
    *c = (struct coordcheck){.n_seeds = o->seeds ? o->seeds : SEEDS,
                             .n_steps = o->steps ? o->steps : STEPS,
                             .task = {.root = plan->sweep->root}};
    if (c->n_seeds > COORDCHECK_MAX_SEEDS)
        return ERR(e, ERR_USAGE, "--seeds: at most %d", COORDCHECK_MAX_SEEDS);
    plan_config(plan, plan->stage[k].first_config, &c->task.config);
    if (o->widths) return widths_read(o->widths, c, e);
    TRY(widths_of_axis(&plan->sweep->stage[k], c, e));
    return c->n_widths < 2 ? widths_default(c, e) : ERR_OK;
}

/* ---- what came of it ---- */

static const char *verdict(const struct coordcheck *c, int layer)
{
    struct statistics_interval last = coordcheck_slope(c, COORDCHECK_CHANGE, c->n_steps, layer);
    return verdict_name[slope_verdict(&last)];
}

/* Where nothing has moved yet there is no slope, and no row. */
static bool has_row(int quantity, int64_t step)
{
    return quantity != COORDCHECK_CHANGE || step > 0;
}

static json_t *number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static void print_json(const struct coordcheck *c)
{
    json_t *widths = json_array(), *rows = json_array(), *verdicts = json_object();
    for (int64_t i = 0; i < c->n_widths; i++)
        json_array_append_new(widths, json_integer(c->width[i]));
    for (int l = 0; l < c->n_layers; l++) {
        json_object_set_new(verdicts, c->layer[l], json_string(verdict(c, l)));
        for (int64_t t = 0; t <= c->n_steps; t++)
            for (int q = 0; q < COORDCHECK_QUANTITIES; q++) {
                if (!has_row(q, t)) continue;
                struct statistics_interval s =
                    coordcheck_slope(c, (enum coordcheck_quantity)q, t, l);
                json_array_append_new(
                    rows, json_pack("{s:s, s:I, s:s, s:o, s:o, s:o, s:I}", "layer", c->layer[l],
                                    "step", (json_int_t)t, "quantity", quantity_name[q],
                                    "slope", number(s.mean), "low", number(s.low), "high",
                                    number(s.high), "n", (json_int_t)s.n));
            }
    }
    json_t *root =
        json_pack("{s:i, s:o, s:I, s:I, s:I, s:o, s:o}", "schema", 1, "widths", widths, "seeds",
                  (json_int_t)c->n_seeds, "steps", (json_int_t)c->n_steps, "diverged",
                  (json_int_t)c->n_diverged, "verdicts", verdicts, "rows", rows);
    json_dumpf(root, stdout, JSON_REAL_PRECISION(9));
    putchar('\n');
    json_decref(root);
}

static void print_csv(const struct coordcheck *c)
{
    printf("layer,step,quantity,slope,low,high,n\n");
    for (int l = 0; l < c->n_layers; l++)
        for (int64_t t = 0; t <= c->n_steps; t++)
            for (int q = 0; q < COORDCHECK_QUANTITIES; q++) {
                if (!has_row(q, t)) continue;
                struct statistics_interval s =
                    coordcheck_slope(c, (enum coordcheck_quantity)q, t, l);
                printf("%s,%" PRId64 ",%s", c->layer[l], t, quantity_name[q]);
                const double cell[] = {s.mean, s.low, s.high};
                for (int i = 0; i < 3; i++)
                    isfinite(cell[i]) ? printf(",%.9g", cell[i]) : printf(",");
                printf(",%" PRId64 "\n", s.n);
            }
}

/* "0.51 [0.48, 0.54]", or "-". */
static const char *interval(const struct statistics_interval *s, char out[64])
{
    if (!isfinite(s->mean))
        snprintf(out, 64, "-");
    else if (!isfinite(s->low))
        snprintf(out, 64, "%5.2f", s->mean);
    else
        snprintf(out, 64, "%5.2f [%5.2f, %5.2f]", s->mean, s->low, s->high);
    return out;
}

static void print_text(const struct coordcheck *c)
{
    const struct config *config = &c->task.config;
    char text[TASK_NAME], a[64], b[64];
    printf("widths");
    for (int64_t i = 0; i < c->n_widths; i++) printf(" %" PRId64, c->width[i]);
    printf(", %" PRId64 " seed%s", c->n_seeds, c->n_seeds == 1 ? "" : "s");
    static const char *const key[] = {"model.parametrization", "optim.name", "optim.lr"};
    for (int i = 0; i < 3; i++)
        printf(", %s %s", key[i],
               field_text(field_find(&config_fields, key[i], NULL), config, text, sizeof text));
    printf("\nexponents of width, with 95 %% intervals over seeds\n\n");
    printf("%-12s %5s   %-22s %-22s\n", "layer", "step", "mean |h|", "mean |h - h at step 0|");
    for (int l = 0; l < c->n_layers; l++)
        for (int64_t t = 0; t <= c->n_steps; t++) {
            struct statistics_interval size = coordcheck_slope(c, COORDCHECK_ACTIVATION, t, l);
            struct statistics_interval moved = coordcheck_slope(c, COORDCHECK_CHANGE, t, l);
            printf("%-12s %5" PRId64 "   %-22s %s\n", c->layer[l], t, interval(&size, a),
                   t > 0 ? interval(&moved, b) : "");
        }
    printf("\nchange after %" PRId64 " step%s\n", c->n_steps, c->n_steps == 1 ? "" : "s");
    for (int l = 0; l < c->n_layers; l++) printf("%-12s %s\n", c->layer[l], verdict(c, l));
}

static enum err_code check(const struct options *o, const struct plan *plan, struct err *e)
{
    struct coordcheck c;
    bool found = true;
    TRY(collect(o, plan, &c, e));
    enum err_code rc = coordcheck_init(&c, e);
    if (rc == ERR_OK) rc = coordcheck_run(&c, e);
    if (rc == ERR_OK && o->output) rc = coordcheck_save(&c, o->output, &found, e);
    if (rc == ERR_OK) (o->json ? print_json : o->csv ? print_csv : print_text)(&c);
    if (rc == ERR_OK && c.n_diverged > 0)
        fprintf(stderr,
                "shoal: %" PRId64 " of %" PRId64 " runs diverged: their seeds have no "
                "slope from there on\n",
                c.n_diverged, c.n_seeds * c.n_widths);
    if (!found && !o->quiet) fprintf(stderr, "shoal: without gnuplot no figure was drawn\n");
    coordcheck_clear(&c);
    return rc;
}

int cmd_coordcheck(const struct options *o)
{
    struct err e = {.rank = -1};
    struct sweep *sweep;
    struct plan *plan;
    int status = 0;
    if (!cli_plan(o, &sweep, &plan, &status)) return status;
    if (check(o, plan, &e) != ERR_OK) status = cli_fail(&e);
    plan_destroy(plan);
    sweep_destroy(sweep);
    return status;
}
