/* schedule.c - schedules and warm-ups as rows. To add one: a factor and a row. */
#include "worker/schedule.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const double pi = 3.14159265358979323846;

static double constant(const struct config *c, int64_t block, int64_t blocks)
{
    (void)c, (void)block, (void)blocks;
    return 1;
}

static double cosine(const struct config *c, int64_t block, int64_t blocks)
{
    (void)c;
    return (1 + cos(pi * (double)block / (double)blocks)) / 2;
}

static double linear(const struct config *c, int64_t block, int64_t blocks)
{
    (void)c;
    return (double)(blocks - block) / (double)blocks;
}

static double step(const struct config *c, int64_t block, int64_t blocks)
{
    int64_t size = c->optim.step_size ? c->optim.step_size : (2 * blocks + 3) / 6;
    return pow(c->optim.gamma, (double)(block / (size > 0 ? size : 1)));
}

/* The next milestone of a list, in blocks, and where the list goes on; NULL at its end, and a
 * NaN if what stands there is none. */
static const char *milestone(const char *list, int64_t blocks, double *out)
{
    if (!*list) return NULL;
    char *end;
    double value = strtod(list, &end);
    size_t length = strcspn(list, ",");
    bool share = memchr(list, '.', length) != NULL;
    bool good = end != list && strspn(list, " 0123456789.") == length &&
                strspn(end, " ") == (size_t)(list + length - end);
    *out = !good || (share && value > 1) ? (double)NAN : share ? value * (double)blocks : value;
    return list + length + (list[length] == ',');
}

static double milestones(const struct config *c, int64_t block, int64_t blocks)
{
    int passed = 0;
    double at;
    for (const char *list = c->optim.milestones; (list = milestone(list, blocks, &at));)
        passed += (double)block >= at;
    return pow(c->optim.gamma, passed);
}

static double exponential(const struct config *c, int64_t block, int64_t blocks)
{
    if (c->optim.decay > 0) return pow(c->optim.decay, (double)block);
    return pow(1e-3, (double)block / (double)blocks);
}

static double anneal(double from, double to, double share)
{
    return to + (from - to) / 2 * (1 + cos(pi * (share < 1 ? share : 1)));
}

/* The rise ends in block pct_start * blocks - 1, which need not be whole, the fall in the last. */
static double one_cycle(const struct config *c, int64_t block, int64_t blocks)
{
    double peak = c->optim.pct_start * (double)blocks - 1, last = (double)(blocks - 1);
    double first = 1 / c->optim.div_factor, now = (double)block;
    if (now < peak) return anneal(first, 1, now / peak);
    if (now == peak) return 1;
    return anneal(1, first / c->optim.final_div_factor, (now - peak) / (last - peak));
}

static double inverse_sqrt(const struct config *c, int64_t block, int64_t blocks)
{
    (void)blocks;
    double scale = c->optim.timescale > 0
                       ? (double)c->optim.timescale
                       : (double)c->optim.warmup / (double)c->optim.schedule_block;
    if (scale < 1) scale = 1;
    return sqrt(scale / (scale + (double)block));
}

static double warmup_linear(const struct config *c, int64_t step)
{
    return (double)(step + 1) / (double)c->optim.warmup;
}

static double warmup_constant(const struct config *c, int64_t step)
{
    (void)step;
    return c->optim.warmup_factor;
}

static const struct warmup warmup_rows[] = {
    {{"linear", "rises to optim.lr by the same amount each step", NULL}, warmup_linear},
    {{"constant", "optim.warmup_factor times optim.lr", NULL}, warmup_constant},
};

const struct table warmups = TABLE("warm-up", warmup_rows);

double schedule_factor(const struct schedule *s, const struct config *c, int64_t step,
                       int64_t steps)
{
    const struct warmup *warmup = (const void *)table_row(&warmups, c->optim.warmup_kind);
    if (step < c->optim.warmup) return warmup->factor(c, step);
    int64_t size = c->optim.schedule_block;
    return s->factor(c, (step - c->optim.warmup) / size, (steps - c->optim.warmup) / size);
}

enum err_code schedule_check(const struct schedule *s, const struct config *c, int64_t steps,
                             struct err *e)
{
    if (c->optim.warmup >= steps)
        return ERR(e, ERR_CONFIG, "optim.warmup: %lld steps of warm-up leave none of %lld",
                   (long long)c->optim.warmup, (long long)steps);
    if (c->optim.schedule_block > steps - c->optim.warmup)
        return ERR(e, ERR_CONFIG,
                   "optim.schedule_block: a block of %lld steps does not fit into %lld",
                   (long long)c->optim.schedule_block, (long long)(steps - c->optim.warmup));
    if (s->factor != milestones) return ERR_OK;
    if (!c->optim.milestones[0])
        return ERR(e, ERR_CONFIG,
                   "optim.milestones: say where the rate falls, as \"100,200\" or "
                   "\"0.5,0.75\"");
    double at;
    for (const char *list = c->optim.milestones; (list = milestone(list, steps, &at));)
        if (isnan(at))
            return ERR(e, ERR_CONFIG,
                       "optim.milestones: '%s' is no list of numbers of blocks, as "
                       "\"100,200\", or of shares, as \"0.5,0.75\"",
                       c->optim.milestones);
    return ERR_OK;
}

static const struct schedule schedule_rows[] = {
    {{"constant", "optim.lr throughout", NULL}, constant},
    {{"cosine", "lr (1 + cos(pi t / T)) / 2", "arXiv 1608.03983"}, cosine},
    {{"step", "lr times optim.gamma every optim.step_size", "PyTorch's StepLR"}, step},
    {{"milestones", "lr times optim.gamma at each of optim.milestones",
      "PyTorch's MultiStepLR"},
     milestones},
    {{"exponential", "lr decay^t", "PyTorch's ExponentialLR"}, exponential},
    {{"one_cycle", "rises to lr and falls far below; momentum stays as it is",
      "PyTorch's OneCycleLR; arXiv 1708.07120"},
     one_cycle},
    {{"inverse_sqrt", "lr sqrt(s / (s + t)), s the time scale",
      "arXiv 1706.03762, section 5.3"},
     inverse_sqrt},
    {{"linear", "lr (1 - t / T)", NULL}, linear},
};

const struct table schedules = TABLE("schedule", schedule_rows);
