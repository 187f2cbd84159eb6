/* role.c - what a trial can take from a network that another trial left, or a file holds. */
#include "worker/task.h"

static const struct row rows[] = {
    [ROLE_WEIGHTS] = {"weights", "its network starts from these", NULL},
    [ROLE_END] = {"end", "weights that model.interpolate goes to", "arXiv 1412.6544"},
    [ROLE_TEACHER] = {"teacher", "a network whose outputs a distillation matches",
                      "arXiv 1503.02531"},
    [ROLE_FEATURES] = {"features", "a frozen network that samples pass first", NULL},
};
const struct table roles = TABLE("role", rows);
