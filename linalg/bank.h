/* bank.h - the forms of a rank's models, one after the other in memory, to keep and to pass on. */
#ifndef SHOAL_LINALG_BANK_H
#define SHOAL_LINALG_BANK_H

#include <mpi.h>

#include "linalg/alignment.h"

/* A layer, or all side by side, as it takes part in the search for the best. */
struct candidate {
    int layer; /* or ALIGN_CONCAT */
    bool is_input, is_logits;
    struct form_shape shape;
    size_t at; /* of its form, bytes from the first */
};

struct bank {
    const struct form *kind;
    int64_t first, count;         /* models [first, first + count) of the set */
    int64_t n_candidates, *begin; /* [count + 1] candidates of each model */
    struct candidate *candidate;
    size_t bytes; /* of all forms */
    char *form;   /* NULL: only laid out */
};

/* Lays out the bank of a rank of size: shapes and places, no forms. Local.
 * k        of the form's lists or components
 * errors   ERR_SHAPE for an empty representation; ERR_NOMEM */
enum err_code bank_plan(const struct alignment_set *set, const struct form *kind, int64_t k,
                        const struct alignment_options *o, int rank, int size, struct bank *out,
                        struct err *e);

/* Makes the forms of a bank of this rank's models. Local.
 * errors   ERR_NOMEM, those of features_limits */
enum err_code bank_fill(struct bank *b, const struct alignment_set *set,
                        const struct alignment_options *o, struct err *e);

/* Makes the form of candidate c from its features x[n, d], which it may overwrite. */
typedef enum err_code bank_maker(void *self, int64_t c, double *x, void *form, struct err *e);

/* The same with forms made in another way than the kind's own. */
enum err_code bank_fill_by(struct bank *b, const struct alignment_set *set,
                           const struct alignment_options *o, bank_maker *make, void *self,
                           struct err *e);
void bank_clear(struct bank *b);

#endif
