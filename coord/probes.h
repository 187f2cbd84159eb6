/* probes.h - reads from a store what the probes are. */
#ifndef SHOAL_COORD_PROBES_H
#define SHOAL_COORD_PROBES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct probes {
    int64_t n, d;    /* d: numbers of an input; 0 without inputs */
    float *inputs;   /* [n, d] row-major, as the network gets them; NULL: not known */
    int32_t *labels; /* [n] classes, -1: none; NULL: of no probe known */
};

/* The probes of a set (NULL or empty: the first of the store), in the order of the
 * representations; memory of the arena. Not known is what the store lacks, what no trial has
 * written yet and what differs between trials. Local, no MPI needed.
 * errors   ERR_IO if the store cannot be read; ERR_CONFIG if it has no such set, naming those it
 *          has; ERR_FORMAT; ERR_NOMEM */
enum err_code probes_read(const char *store_path, const char *set, struct arena *arena,
                          struct probes *out, struct err *e);

#endif
