/* param.c - parametrizations and initializers as rows.
 *
 * muP in the form that keeps the network as it is and scales initialisation and learning rates
 * (table 3 of the paper), relative to a base width: every factor is 1 there, so that both
 * parametrizations are the same bits. A layer whose input and output both stay finite (a linear
 * model) has no width and keeps its factors. */
#include "worker/param.h"

#include <math.h>

#include "worker/optim.h"

static double standard_init(const struct param *p, double width_ratio)
{
    (void)p, (void)width_ratio;
    return 1;
}

static double standard_lr(const struct param *p, double width_ratio, bool adaptive)
{
    (void)p, (void)width_ratio, (void)adaptive;
    return 1;
}

/* Initializers give variance 1/fan_in. Output weights want 1/fan_in^2; a bias wants a constant,
 * its own fan_in being 1. */
static double mup_init(const struct param *p, double width_ratio)
{
    if (p->bias) return p->wide_in ? sqrt(width_ratio) : 1;
    return p->wide_in && !p->wide_out ? 1 / sqrt(width_ratio) : 1;
}

static double mup_lr(const struct param *p, double width_ratio, bool adaptive)
{
    bool vector_in = p->bias || !p->wide_in; /* fan_in does not grow */
    if (adaptive) return vector_in ? 1 : 1 / width_ratio;
    if (vector_in) return p->wide_out ? width_ratio : 1;
    return p->wide_out ? 1 : 1 / width_ratio;
}

/* y = W x / sqrt(fan_in) with W of variance 1, as a learning rate of W / sqrt(fan_in). */
static double ntk_lr(const struct param *p, double width_ratio, bool adaptive)
{
    if (p->bias || !p->wide_in) return 1;
    return 1 / (adaptive ? sqrt(width_ratio) : width_ratio);
}

static const struct parametrization parametrization_rows[] = {
    {{"standard", "PyTorch's: variance 1/fan_in, one learning rate", NULL},
     standard_init,
     standard_lr},
    {{"mup", "maximal update: the best learning rate does not move with width",
      "arXiv 2203.03466, table 3"},
     mup_init,
     mup_lr},
    {{"ntk",
      "neural tangent: the learning rate of wide layers falls with width, so that wide "
      "networks train like their linearisation",
      "arXiv 1806.07572"},
     standard_init,
     ntk_lr},
};

const struct table parametrizations = TABLE("parametrization", parametrization_rows);

static void uniform(struct rng *r, const struct param *p, int64_t n, real *out)
{
    double bound = p->init_scale / sqrt((double)p->fan_in);
    for (int64_t i = 0; i < n; i++) out[i] = (real)(bound * (2 * rng_uniform(r) - 1));
}

static void normal(struct rng *r, double sd, int64_t n, real *out)
{
    enum { AT_ONCE = 1024 };
    float draw[AT_ONCE];
    for (int64_t done = 0; done < n; done += AT_ONCE) {
        int64_t count = n - done < AT_ONCE ? n - done : AT_ONCE;
        rng_normals(r, count, draw);
        for (int64_t i = 0; i < count; i++) out[done + i] = (real)(sd * (double)draw[i]);
    }
}

static void he_normal(struct rng *r, const struct param *p, int64_t n, real *out)
{
    normal(r, p->bias ? 0 : p->init_scale * sqrt(2 / (double)p->fan_in), n, out);
}

static void lecun_normal(struct rng *r, const struct param *p, int64_t n, real *out)
{
    normal(r, p->bias ? 0 : p->init_scale * sqrt(1 / (double)p->fan_in), n, out);
}

static const struct initializer initializer_rows[] = {
    {{"uniform", "U(-1/sqrt(fan_in), 1/sqrt(fan_in)), weights and biases: PyTorch's default",
      NULL},
     uniform},
    {{"he_normal", "N(0, 2/fan_in), biases 0", "arXiv 1502.01852, equation 10"}, he_normal},
    {{"lecun_normal", "N(0, 1/fan_in), biases 0", "LeCun et al., Efficient BackProp, 4.6"},
     lecun_normal},
};

const struct table initializers = TABLE("initializer", initializer_rows);

void param_scale(const struct config *c, int n, struct param *p)
{
    const struct parametrization *rule =
        (const void *)table_row(&parametrizations, c->model.parametrization);
    const struct optimizer *optimizer = (const void *)table_row(&optimizers, c->optim.name);
    double ratio = (double)c->model.width / (double)c->model.base_width;
    for (int i = 0; i < n; i++) {
        p[i].init_scale = rule->init_scale(&p[i], ratio);
        p[i].lr_scale = optim_by_matrix(optimizer, &p[i])
                            ? 1
                            : rule->lr_scale(&p[i], ratio, optimizer->adaptive);
    }
}

static void constant(double value, int64_t n, real *out)
{
    for (int64_t i = 0; i < n; i++) out[i] = (real)value;
}

static void signs(const struct param *p, real *out)
{
    for (int64_t i = 0; i < p->rows * p->cols; i++)
        out[i] = (i % p->cols < p->cols / 2 ? (real)1 : (real)-1) / (real)p->cols;
}

void param_init(const struct config *c, uint64_t seed, int n, const struct param *p,
                real *block)
{
    const struct initializer *init = (const void *)table_row(&initializers, c->model.init);
    for (int i = 0; i < n; i++) {
        int64_t size = p[i].rows * p[i].cols;
        real *w = block + p[i].offset;
        struct rng r = rng_stream(seed, RNG_INIT, (uint64_t)i);
        switch (p[i].start) {
        case START_DRAWN: init->draw(&r, &p[i], size, w); break;
        case START_ZEROS: constant(0, size, w); break;
        case START_ONES: constant(1, size, w); break;
        case START_NORMAL: normal(&r, p[i].init_scale * p[i].sd, size, w); break;
        case START_SIGNS: signs(&p[i], w); break;
        }
    }
}
