/* train.c - plain training, nothing added. */
#include "experiments/train.h"

#include "worker/trainer.h"

enum err_code train_shape(const struct config *config, const struct parents *parents,
                          const struct record *record, struct trial_shape *out, struct err *e)
{
    return setup_shape(config, parents, record, &metrics, out, e);
}

enum err_code train_run(struct worker *worker, const struct task *task,
                        const struct record *record, struct rows *rows, struct result *result,
                        struct err *e)
{
    struct trainer_hooks plain = {.metrics = &metrics};
    struct trial trial = {task, record, rows, result};
    return trainer_run(worker, &trial, &plain, e);
}
