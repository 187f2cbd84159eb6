/* align_baselines.c - their names; align_models.c makes them. */
#include "coord/align_baselines.h"

#include <stdio.h>
#include <string.h>

static const struct row baselines[] = {
    [BASELINE_INPUT] = {"input", "what the networks see, as a model of one layer", NULL},
    [BASELINE_RANDOM] = {"random", "512 random ReLU features of the input",
                         "Rahimi and Recht 2007"},
    [BASELINE_UNTRAINED] = {"untrained", "every network as it was before training", NULL},
};
const struct table align_baselines = TABLE("baseline", baselines);

enum err_code align_baselines_parse(const char *text, unsigned *out, struct err *e)
{
    *out = 0;
    if (strcmp(text, "none") == 0) return ERR_OK;
    while (*text) {
        char name[64];
        size_t length = strcspn(text, ", ");
        int row;
        snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), text);
        if (length) TRY(table_need(&align_baselines, name, &row, e));
        if (length) *out |= 1u << row;
        text += length + (text[length] != 0);
    }
    return ERR_OK;
}
