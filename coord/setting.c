/* setting.c - see setting.h. */
#include "coord/setting.h"

#include <string.h>

#include "base/text.h"
#include "worker/config.h"

const char *setting_text(const struct results *r, const char *name, int64_t trial)
{
    const struct results_axis *axis = results_axis(r, name);
    if (axis) return axis->text[trial];
    for (int i = 0; i < r->n_constants; i++)
        if (strcmp(r->constant[2 * i], name) == 0) return r->constant[2 * i + 1];
    return NULL;
}

bool setting_applies(const struct results *r, const char *name, int64_t trial)
{
    const struct field *f = field_find(&config_fields, name, NULL);
    for (; f && f->only_names; f = field_find(&config_fields, f->only_key, NULL)) {
        const char *on = setting_text(r, f->only_key, trial);
        if (on && !text_listed(f->only_names, on)) return false;
    }
    return true;
}
