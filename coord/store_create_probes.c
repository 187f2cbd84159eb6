/* store_create_probes.c - what the probes are: /probe of a store.
 *
 * Which samples they are is known from the plan and written here. What these samples are, their
 * labels and the numbers that a network gets, the first trial of each worker writes: the same for
 * all trials, or else nothing. To extend: a dataset more is a call of make_part, and a place in
 * struct probe_targets of store.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "coord/store.h"
#include "coord/store_making.h"
#include "worker/probe.h"

enum { PATH_SIZE = 200 };

/* A dataset of what the probes are. */
struct part {
    enum probe_part part;
    const char *path;
    hid_t type;
    int n_dims;
    const hid_t *scale;
    const void *fill;
};

static bool through_network(const struct sweep *sweep)
{
    for (int s = 0; s < sweep->n_stages; s++)
        for (int k = 0; k < sweep->stage[s].n_from; k++)
            if (sweep->stage[s].from[k].role == ROLE_FEATURES) return true;
    return false;
}

/* What the store before says of a part; false: it does not have it with these dimensions. */
static bool read_before(const struct making *m, const struct part *p, hid_t made,
                        struct text *varies)
{
    struct arena arena = {0};
    hsize_t was[STORE_MAX_DIMS], is[STORE_MAX_DIMS];
    bool there = m->old && H5Lexists(m->old->file, p->path, H5P_DEFAULT) > 0;
    hid_t d = there ? H5Dopen2(m->old->file, p->path, H5P_DEFAULT) : -1;
    there = d >= 0 && h5_dims(d, STORE_MAX_DIMS, was) == p->n_dims;
    h5_dims(made, STORE_MAX_DIMS, is);
    for (int k = 0; there && k < p->n_dims; k++) there = was[k] == is[k];
    const char *text = d >= 0 ? h5_attribute_read(d, STORE_PROBE_VARIES, &arena) : NULL;
    if (text && !varies->length) text_add(varies, "%s", text);
    h5_release(d);
    arena_clear(&arena);
    return there;
}

/* The settings by which a part differs between rows; empty: it is the same in all of them. */
static void find_varied(const struct making *m, const struct probe_set *set,
                        const struct part *p, bool known, struct text *out)
{
    const struct store_layout *l = m->layout;
    struct config c;
    plan_config(l->plan, 0, &c);
    for (int i = 0; i < l->n_axes; i++)
        if (l->axis[i].stage < 0 && probe_depends(set, p->part, l->axis[i].field->offset, &c))
            text_add(out, "%s%s", out->length ? " " : "", l->axis[i].name);
    if (p->part == PROBE_INPUTS && through_network(l->plan->sweep))
        text_add(out, "%sdata.layer", out->length ? " " : "");
    if (!known && !out->length) text_add(out, "index");
}

/* known: the index of the samples is. */
static enum err_code make_part(struct making *m, const struct probe_set *set,
                               const struct part *p, bool known, struct err *e)
{
    struct text varies = {0};
    enum err_code code = ERR_OK;
    hid_t d = store_make_dataset(m, p->path, p->type, p->n_dims, p->scale, p->fill);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", p->path);
    find_varied(m, set, p, known, &varies);
    bool copies = read_before(m, p, d, &varies) && !varies.length;
    if (varies.length) code = h5_attribute_write(d, STORE_PROBE_VARIES, varies.at, e);
    h5_release(d);
    text_clear(&varies);
    return code == ERR_OK && copies ? store_copy_rows(m, p->path, e) : code;
}

/* Numbers of a sample if all trials have so many, and the set is not too large to keep; else
 * 0. */
static int64_t input_dim(const struct plan *plan, const struct probe_set *set)
{
    int64_t d = plan->n_shapes ? task_input_dim(&plan->shape[0]) : 0;
    for (int64_t s = 1; s < plan->n_shapes; s++)
        if (task_input_dim(&plan->shape[s]) != d) return 0;
    return (double)set->n * (double)d * sizeof(float) > PROBE_INPUT_BYTES ? 0 : d;
}

static enum err_code make_parts(struct making *m, const struct probe_set *set, hid_t index,
                                bool known, struct err *e)
{
    char path[PATH_SIZE];
    const int32_t none = -1;
    const float unknown = NAN;
    int64_t d = input_dim(m->layout->plan, set);
    snprintf(path, sizeof path, "probe/%s/labels", set->name);
    struct part part = {PROBE_LABELS, path, H5T_STD_I32LE, 1, &index, &none};
    TRY(make_part(m, set, &part, known, e));
    if (d == 0) return ERR_OK;
    snprintf(path, sizeof path, "probe/%s/input", set->name);
    hid_t scale[] = {index, store_make_dimension(m, path, d)};
    if (scale[1] < 0) return H5_ERR(e, "cannot make '%s'", path);
    snprintf(path, sizeof path, "probe/%s/inputs", set->name);
    part = (struct part){PROBE_INPUTS, path, H5T_IEEE_F32LE, 2, scale, &unknown};
    enum err_code code = make_part(m, set, &part, known, e);
    h5_release(scale[1]);
    return code;
}

/* The places of the probes in their split; -1 where that depends on the trial's data. */
enum err_code store_make_probes(struct making *m, int i, struct err *e)
{
    const struct plan *plan = m->layout->plan;
    const struct probe_set *set = &m->record->probe[i];
    char path[PATH_SIZE];
    int64_t *index, pool = plan->n_shapes ? plan->shape[0].probe_pool[i] : 0;
    bool same = pool >= set->n;
    for (int64_t s = 0; s < plan->n_shapes; s++) same &= plan->shape[s].probe_pool[i] == pool;
    snprintf(path, sizeof path, "probe/%s", set->name);
    TRY(store_make_groups(m, path, e));
    TRY(probe_order(set->split, same ? pool : INT64_MAX, plan->sweep->root, &index, e));
    int64_t *list = calloc((size_t)set->n, sizeof *list);
    for (int64_t k = 0; list && k < set->n; k++) list[k] = !same ? -1 : index ? index[k] : k;
    strcat(path, "/index");
    hid_t d = list ? store_make_scale(m, path, list, set->n) : -1;
    free(list);
    free(index);
    if (d < 0) return H5_ERR(e, "cannot make '%s'", path);
    enum err_code code = make_parts(m, set, d, same, e);
    h5_release(d);
    return code;
}
