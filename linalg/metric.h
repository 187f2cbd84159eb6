/* metric.h - the functions behind the rows of alignment_measures; see all_pairs there. */
#ifndef SHOAL_LINALG_METRIC_H
#define SHOAL_LINALG_METRIC_H

#include "linalg/alignment.h"

enum err_code metric_cka(MPI_Comm comm, const struct alignment_set *set,
                         const struct alignment_options *o, double *pair, struct err *e);
enum err_code metric_cka_unbiased(MPI_Comm comm, const struct alignment_set *set,
                                  const struct alignment_options *o, double *pair,
                                  struct err *e);
enum err_code metric_mutual_knn(MPI_Comm comm, const struct alignment_set *set,
                                const struct alignment_options *o, double *pair, struct err *e);

/* Bytes of scratch that a measure takes on each rank beyond the features. */
enum { METRIC_BLOCK_BYTES = 64 << 20 };

#endif
