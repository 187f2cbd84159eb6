/* alignment.h - how alike two networks represent the same inputs: measures and options.
 *
 * A measure is a row of alignment_measures: what it computes once of a representation (a form),
 * and how two of them give a score. all_pairs.h runs measures over all pairs of models. */
#ifndef SHOAL_LINALG_ALIGNMENT_H
#define SHOAL_LINALG_ALIGNMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/table.h"
#include "linalg/form.h"

/* Rows of the tables of options below. */
enum { ALIGN_NONE, ALIGN_L2, ALIGN_STANDARD, ALIGN_CENTRE, ALIGN_CENTRE_L2 };
enum { ALIGN_CLIP_LAYER, ALIGN_CLIP_MODEL, ALIGN_CLIP_SAMPLE };
enum { ALIGN_DOUBLE, ALIGN_SINGLE };
extern const struct table alignment_normalizations; /* none, l2, standard, centre, centre_l2 */
extern const struct table alignment_clips;          /* layer, model, sample */
extern const struct table alignment_precisions;     /* double, single */

struct alignment_options {
    int normalize;  /* row of alignment_normalizations */
    double epsilon; /* added to the normaliser of the CKA family; the released code has 1e-6 */
    double clip;    /* quantile of |x| to which entries are clamped; 1: none */
    int clip_by;    /* row of alignment_clips: whose quantile */
    int precision;  /* row of alignment_precisions */
    double sigma;   /* of the RBF kernel; 0: the median distance of each representation */
    bool concat;    /* all layers side by side are a candidate too */
    int64_t k;      /* neighbours or components; parsed from "mutual_knn@10" */
    char probe[64]; /* the probe set compared on; empty: the first of the store */
};

/* A layer of a model. */
struct representation {
    int64_t d;
    const float *x; /* [n, d] row-major, borrowed; NULL on ranks that do not own the model */
    bool is_input;  /* of the network: two inputs are no pair where models have other layers */
    bool is_logits; /* what predictions are read from */
};

/* Best layers of a pair are numbers of layers, or: */
enum { ALIGN_NO_LAYER = -1, ALIGN_CONCAT = -2 };

struct alignment_model {
    int n_layers;
    const struct representation *layer;
};

/* A group of models that see the same n probes. Shapes are known to all ranks; features to the
 * rank that owns the model, see alignment_owner. */
struct alignment_set {
    int64_t n, n_models;
    const struct alignment_model *model;
    const double *confound; /* [n, confound_d] inputs, centred, on all ranks; NULL: not known */
    int64_t confound_d;
};

struct gram; /* gram.h */

struct alignment_measure {
    struct row row;
    const char *formula;
    const char *invariances; /* of the features: rotation, scaling, ...; comma-separated */
    const char *cost;        /* flops */
    bool symmetric;
    bool distance;         /* smaller is more alike */
    bool predictions;      /* compares logits alone */
    bool confound;         /* wants the inputs */
    const char *parameter; /* what stands behind '@', or NULL */
    int64_t least_n;       /* fewest probes for which it is defined */
    double range[2];       /* INFINITY: the parameter */
    double self;           /* score with itself; INFINITY: the parameter; NAN: not fixed */
    bool (*few_rows)(const struct form_shape *s); /* so few probes mean little; NULL: never */
    /* By pairs: */
    const struct form *form;
    form_pair *pair;
    form_scratch *scratch;
    form_moments *moments; /* NULL: not known */
    /* or as one tall product over all models, where that is cheaper or the only way: */
    const struct gram *gram;
};
extern const struct table alignment_measures;

/* Splits "mutual_knn@10" into the measure's row and o->k (default 10). Local.
 * errors   ERR_CONFIG: unknown measure (with the nearest), bad or missing k */
enum err_code alignment_parse(const char *text, const struct alignment_measure **out,
                              struct alignment_options *o, struct err *e);

/* Can the measure be taken of n probes? Local.
 * errors   ERR_CONFIG for a k that n does not allow, ERR_SHAPE for an n too small; clip */
enum err_code alignment_check(const struct alignment_measure *m,
                              const struct alignment_options *o, int64_t n, struct err *e);

/* The score that says identical: the measure's self or the end of its range. Local. */
double alignment_self(const struct alignment_measure *m, const struct alignment_options *o);
double alignment_best(const struct alignment_measure *m, const struct alignment_options *o);

/* The rank that holds model m: contiguous blocks over size ranks. Local. */
int alignment_owner(int64_t m, int64_t n_models, int size);

#endif
