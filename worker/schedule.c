/* schedule.c - schedules as rows. To add one: a factor and a row. */
#include "worker/schedule.h"

#include <math.h>

static double constant(int64_t step, int64_t steps)
{
    (void)step, (void)steps;
    return 1;
}

static double cosine(int64_t step, int64_t steps)
{
    return (1 + cos(3.14159265358979323846 * (double)step / (double)steps)) / 2;
}

double schedule_factor(const struct schedule *s, int64_t step, int64_t steps, int64_t warmup)
{
    if (step < warmup) return (double)(step + 1) / (double)warmup;
    return s->factor(step - warmup, steps - warmup);
}

static const struct schedule rows[] = {
    {{"constant", "optim.lr throughout", NULL}, constant},
    {{"cosine", "lr (1 + cos(pi t / T)) / 2, every step", "arXiv 1608.03983"}, cosine},
};

const struct table schedules = TABLE("schedule", rows);
