/* score.h - how right and how sure a network's answers are: by class, by confidence, by margin.
 * Sums over the batches of one evaluation. */
#ifndef SHOAL_WORKER_SCORE_H
#define SHOAL_WORKER_SCORE_H

#include <stdint.h>

#include "base/arena.h"
#include "worker/metric.h"
#include "worker/real.h"

enum { SCORE_BINS = 15 };

/* Samples whose confidence lies in ((b - 1) / SCORE_BINS, b / SCORE_BINS]. */
struct score_bin {
    int64_t n, right;
    double confidence; /* their sum */
};

struct score {
    unsigned needs; /* METRIC_SCORE, METRIC_MARGIN: what is wanted at all */
    int64_t classes, room;
    int64_t n;              /* samples so far */
    int64_t *total, *right; /* [classes] samples of the class, and those answered rightly */
    double *margin;         /* [room] */
    struct score_bin bin[SCORE_BINS];
};

/* Bytes that score_init takes for evaluations of up to room samples. Local. */
double score_bytes(unsigned needs, int64_t classes, int64_t room);
enum err_code score_init(struct score *s, unsigned needs, int64_t classes, int64_t room,
                         struct arena *arena, struct err *e);

/* Starts an evaluation. Local. */
void score_begin(struct score *s);

/* Adds n samples: outputs f[n, k] and labels as a loss takes them. What is right is what
 * loss_score calls so. Local. */
void score_add(struct score *s, int64_t n, int64_t k, const real *f, const int32_t *label);

/* Fills the members of *out that are not averages of the loss; NaN where they were not wanted,
 * or there were no samples. Classes without samples count in none. The margins are put into
 * another order. Local.
 * source   calibration error: arXiv 1706.04599, equation 3 */
void score_finish(struct score *s, struct evaluation *out);

#endif
