/* data_feature_model.h - the feature model of Feature Contamination: an endless or finite
 * synthetic stream of two classes.
 *
 *   x = core_strength c T_core + background_scale background_strength s T_background
 *
 * T [core_dim + background_dim, input_dim] has orthonormal rows, of uniformly random directions.
 * Samples of even index have label 1 (y = +1), those of odd index label 0 (y = -1). With labels
 * linear c = y z, z uniform on [0, 1]^core_dim; with labels sphere c is uniform on the sphere of
 * radius 1 (y = +1) or 2 (y = -1). s is uniform on [0, 1]^background_dim whatever the label.
 * Where background_scale is not 1, s is drawn anew: the same core with another background.
 *
 * With data.domains D > 1 sample i belongs to domain (i / 2) mod D; domain 0 is as above, in each
 * other one random half of the components of s have the other sign. A background of another scale
 * than 1 is always that of domain 0.
 * source   arXiv 2406.03345, definition 1, section 3 and its released code */
#ifndef SHOAL_WORKER_DATA_FEATURE_MODEL_H
#define SHOAL_WORKER_DATA_FEATURE_MODEL_H

#include "worker/data.h"

/* See struct stream. */
enum err_code data_feature_model_shape(const struct config *c, struct data_shape *out,
                                       struct err *e);
enum err_code data_feature_model_open(const struct config *c, uint64_t root, struct data *data,
                                      struct err *e);
void data_feature_model_close(struct data *data);
void data_feature_model_fetch(const struct data *data, enum split split, const int64_t *index,
                              int64_t n, real *x, int32_t *label);

/* T, row-major; NULL if the data set is another stream. Borrowed. Local. */
const double *data_feature_model_dictionary(const struct data *data);

#endif
