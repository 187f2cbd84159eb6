/* label.c - asks the rows of fields and metrics of every experiment. */
#include "coord/label.h"

#include <stdio.h>
#include <string.h>

#include "experiments/experiment.h"
#include "worker/metric.h"

/* The metric of that name in any experiment, or NULL. */
static const struct metric *find_metric(const char *name)
{
    for (int i = 0; i < experiments.count; i++) {
        const struct experiment *x = (const void *)table_row(&experiments, i);
        int m = table_find(x->metrics, name);
        if (m >= 0) return (const void *)table_row(x->metrics, m);
    }
    return NULL;
}

static const struct field *find_field(const char *name)
{
    const struct field *f = NULL;
    for (int i = 0; i < experiments.count && !f; i++) {
        const struct experiment *x = (const void *)table_row(&experiments, i);
        f = field_find(x->fields, name, NULL);
    }
    return f;
}

int label_better(const char *name)
{
    const struct metric *m = find_metric(name);
    return m ? m->better : 0;
}

const char *label_axis(const char *name, char out[LABEL_SIZE])
{
    enum { SHORT = 36 };
    const struct field *f = find_field(name);
    const struct metric *m = find_metric(name);
    const char *help = f ? f->row.help : m ? m->row.help : "", *dot = strrchr(name, '.');
    const char *unit = f ? f->unit : m ? m->unit : NULL;
    int length = (int)strcspn(help, ":;(,");
    while (length > 0 && help[length - 1] == ' ') length--;
    if (length == 0 || length > SHORT) {
        help = dot ? dot + 1 : name;
        length = (int)strlen(help);
    }
    snprintf(out, LABEL_SIZE, unit ? "%.*s (%s)" : "%.*s", length, help, unit);
    for (char *c = out; *c; c++)
        if (*c == '_') *c = ' ';
    return out;
}
