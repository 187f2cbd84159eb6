/* store_making.h - what the parts that make a store share. Private to coord/store_create*.c. */
#ifndef SHOAL_COORD_STORE_MAKING_H
#define SHOAL_COORD_STORE_MAKING_H

#include "coord/store_create.h"

struct making {
    const struct store_layout *layout;
    const struct store_old *old;
    const struct record *record;
    const char *name; /* that the file will have */
    hid_t file, trial, record_scale, slot;
};

/* Makes the missing groups of a path below the root. */
enum err_code store_make_groups(struct making *m, const char *path, struct err *e);

/* A coordinate: a dimension scale with a value for each place. negative: see H5_ERR. */
hid_t store_make_scale(struct making *m, const char *path, const int64_t *value, int64_t n);

/* A dimension without values: what a netCDF-4 library writes for one. negative: see H5_ERR. */
hid_t store_make_dimension(struct making *m, const char *path, int64_t n);

/* A dataset with a scale on every dimension. negative: see H5_ERR. */
hid_t store_make_dataset(struct making *m, const char *path, hid_t type, int n_dims,
                         const hid_t *scale, const void *fill);

/* Copies a dataset of the old store, row by row, to the front of the same one here. */
enum err_code store_copy_rows(struct making *m, const char *path, struct err *e);

/* Makes /probe of probe set i. */
enum err_code store_make_probes(struct making *m, int i, struct err *e);

/* Makes /trials, after the dimension trial. */
enum err_code store_make_trials(struct making *m, struct err *e);

#endif
