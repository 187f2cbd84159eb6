/* sweep_stored.c - see sweep_stored.h. */
#include "coord/sweep_stored.h"

#include <unistd.h>

#include "coord/journal.h"

/* Of models from elsewhere alone no sweep says anything; this one is as little as can be read. */
static const char bare_sweep[] = "version: 1\n"
                                 "name: models\n"
                                 "data: {name: fashion_mnist}\n"
                                 "optim: {steps: 0}\n";

enum err_code sweep_stored(const struct results *r, const char *store, struct sweep **out,
                           struct err *e)
{
    struct yaml_file *file = NULL;
    struct err why = {.rank = -1};
    *out = NULL;
    char kept[4096];
    journal_path(store, SWEEP_KEPT, kept, sizeof kept);
    bool is_kept = access(kept, R_OK) == 0;
    bool bare = true;
    for (int64_t t = 0; t < r->n_trials; t++) bare &= r->row[t] < 0;
    if (!is_kept && !r->resolved && !bare)
        return ERR(e, ERR_FORMAT, "%s does not say what sweep it holds", store);
    const char *text = r->resolved ? r->resolved : bare_sweep;
    enum err_code code = is_kept ? yaml_read(kept, &file, &why)
                                 : yaml_parse("sweep in the store", text, &file, &why);
    if (code == ERR_OK) code = sweep_read(file, NULL, 0, out, &why);
    if (code == ERR_OK) return ERR_OK;
    sweep_destroy(*out);
    *out = NULL;
    return ERR(e, ERR_FORMAT, "%s holds a sweep that this shoal does not understand: %s", store,
               why.text);
}
