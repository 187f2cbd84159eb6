/* scaling_store.c - fits of a store by its path, kept beside it. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "coord/folder.h"
#include "coord/journal.h"
#include "coord/plan.h"
#include "coord/scaling.h"

enum err_code scaling_params(const struct sweep *sweep, const struct results *r, double *params,
                             struct err *e)
{
    struct plan *plan = NULL;
    enum err_code rc = plan_create(sweep, &plan, e);
    for (int64_t t = 0; t < r->n_trials && rc == ERR_OK; t++) {
        int64_t at = plan_find(plan, r->id[t]);
        params[t] = at < 0 ? NAN : (double)plan_shape(plan, at)->params;
    }
    plan_destroy(plan);
    return rc;
}

/* "STORE.d" of a store. */
static void folder_of(const char *store_path, char out[PATH_MAX])
{
    journal_path(store_path, "", out, PATH_MAX);
    size_t length = strlen(out);
    if (length && out[length - 1] == '/') out[length - 1] = '\0';
}

static enum err_code keep(const char *store_path, const json_t *document, struct err *e)
{
    char folder[PATH_MAX];
    struct text text = {0};
    char *dump = json_dumps(document, JSON_INDENT(1));
    if (!dump) return ERR(e, ERR_NOMEM, "no memory for scaling laws");
    text_add(&text, "%s\n", dump);
    free(dump);
    folder_of(store_path, folder);
    enum err_code rc = folder_make(folder, e);
    if (rc == ERR_OK) rc = folder_write(folder, SCALING_FILE, &text, e);
    text_clear(&text);
    return rc;
}

enum err_code scaling_store(const char *store_path, const struct sweep *sweep, int n,
                            const struct scaling_spec *spec, json_t **out, struct err *e)
{
    struct results *r = NULL;
    bool wanted = false;
    *out = NULL;
    TRY(results_read(store_path, &r, e));
    double *params = calloc((size_t)r->n_trials + 1, sizeof *params);
    enum err_code rc = params ? ERR_OK : ERR(e, ERR_NOMEM, "no memory for scaling laws");
    for (int i = 0; i < n; i++) wanted = wanted || strstr(spec[i].x, "params");
    if (rc == ERR_OK && wanted) rc = scaling_params(sweep, r, params, e);
    if (rc == ERR_OK) rc = scaling_fits(r, params, n, spec, out, e);
    if (rc == ERR_OK) rc = keep(store_path, *out, e);
    free(params);
    results_destroy(r);
    return rc;
}
