/* store.h - the HDF5 file that a sweep leaves: all metadata made before the first trial, then
 * only independent raw writes of whole rows.
 *
 * Schema (a trial is a row; row numbers never change, an extension adds rows behind):
 *
 *   /                              text attributes: name, experiment, seed, what is recorded
 *   /trial /record /slot           dimension scales (netCDF-4: named dimensions)
 *   /trials                        text attributes: the settings that are the same in all rows
 *   /trials/id                     uint64 [trial]; 0: row not in use
 *   /trials/state                  uint8 [trial], enum trial_state; written last of a row
 *   /trials/{seed, seconds, worker, checksum, steps_done}   [trial]
 *   /trials/<field>                [trial] one per field that varies: int64, float64 or text
 *   /trials/stage                  text [trial] of a sweep with stages, and of trials that come
 *   /trials/from.<stage>           from others uint64 [trial]: id of the parent in that stage,
 *   /trials/<stage>.<field>        and what varies in that stage but not in its children
 *   /metrics/<name>                float64 [trial, record], NaN until written
 *   /metrics/step                  float64 [trial, record], optimizer steps done by then
 *   /representations/<probe set>/<layer>/<d>/data    float32 [member, slot, probe, d]
 *   /representations/<probe set>/<layer>/<d>/trial   int64 [member]: the row of each member
 *                                  (beside it the scales probe and feature)
 *   /weights/<P>/data              float32 [member, P] of trials that others need
 *   /weights/<P>/trial             int64 [member]: the row of each member
 *   /arrays/<name>/<4x3x28x28>/data    float32 [member, ...], NaN until written: what trials leave
 *                                  at their end, by its sizes; attribute columns: names of the
 *                                  last dimension's places, with spaces between, if they have any
 *   /arrays/<name>/<4x3x28x28>/trial   int64 [member]: the row of each member
 *   /probe/<probe set>/index       int64 [probe], samples of the split; -1: not the same ones in
 *                                  all trials
 *   /probe/<probe set>/labels      int32 [probe] their classes; -1: none, or unknown
 *   /probe/<probe set>/inputs      float32 [probe, input] samples, flattened, as the network gets
 *                                  them; NaN: unknown. Missing where it were more than 64 MB, or
 *                                  where trials have samples of several sizes. A dataset with the
 *                                  attribute varies, names of settings, stays unknown: probes
 *                                  differ between trials by these
 *   /provenance                    text attributes, and datasets sweep, resolved (text);
 *                                  before: the provenance of the store that was extended
 *
 * A representation has a class, a group, for each of its layers and their numbers of features
 * d. What an analysis finds is in files of its own in STORE.d/. They are not linked from here:
 * a link to a file that is not there (yet, or after the store was copied alone) keeps netCDF
 * readers from opening the store at all.
 */
#ifndef SHOAL_COORD_STORE_H
#define SHOAL_COORD_STORE_H

#include "coord/plan.h"
#include "coord/state.h"

#define STORE_ARRAY_COLUMNS "columns"
#define STORE_PROBE_VARIES "varies"

struct store;

/* Makes path fit the plan: creates it, accepts it as it is, or extends it (a copy STORE.new
 * with the larger shapes, synced and renamed; a kill at any moment leaves the old or the new
 * one). provenance: NULL-terminated pairs name, value. row[n_trials] receives the store row of
 * each trial. Local: one rank, before any other opens the store.
 * errors   ERR_CONFIG when the store belongs to another sweep (other name, experiment, root
 *          seed, recording, or no trial in common), naming what differs; ERR_IO */
enum err_code store_prepare(const char *path, const struct plan *plan,
                            const char *const *provenance, int64_t *row, struct err *e);

/* written[t]: the store has the whole row of trial t of the plan. As store_prepare. */
enum err_code store_written(const char *path, const struct plan *plan, bool *written,
                            struct err *e);

/* How many of the plan's trials the store has done, lacks, and has beyond the plan. Reads only;
 * a missing store has none. Local, no MPI needed. */
enum err_code store_compare(const char *path, const struct plan *plan, int64_t *kept,
                            int64_t *fresh, int64_t *changed, struct err *e);

/* The weights [n] of the trial of that id. Reads only. Local, no MPI needed.
 * errors   ERR_FORMAT if the store keeps none of it, or other than n; ERR_IO */
enum err_code store_find_weights(const char *path, uint64_t id, int64_t n, float *out,
                                 struct err *e);

/* Opens for writing rows, each rank for itself on MPI_COMM_SELF. Local. */
enum err_code store_open(const char *path, const struct record *record, struct store **out,
                         struct err *e);
enum err_code store_close(struct store *s, struct err *e);

/* What is still wanted of probe set i: its labels, and inputs of so many numbers (0: none). A
 * store of a shoal that knew neither wants nothing. Local. */
bool store_wants_labels(const struct store *s, int set);
int64_t store_wants_inputs(const struct store *s, int set);

/* Writes one trial's row (of a failed one no numbers): metrics, representations, arrays, weights
 * (of one that is done), then seconds, worker, checksum, and its state last. Before that,
 * what was wanted of the probes and is there: the same whichever trial brings it. Sizes are those
 * of the trial's shape. Fills result->checksum (XXH64 over metric, step, layer, weight and array
 * bytes in this order). Independent of other ranks. Local.
 * cost     raw writes only */
enum err_code store_write(struct store *s, int64_t row, const struct trial_shape *shape,
                          const struct rows *rows, struct result *result, struct err *e);

/* The weights of a row that is done, [n], whoever wrote them. Local.
 * errors   ERR_FORMAT if the row keeps none, or other than n; ERR_IO */
enum err_code store_read_weights(struct store *s, int64_t row, int64_t n, float *out,
                                 struct err *e);

/* A metric (place in record.metric) of a row that is done at its last record; NaN if it has
 * none. Local. */
enum err_code store_read_last(struct store *s, int64_t row, int metric, double *out,
                              struct err *e);

/* Writes the value that a configuration has of a field into the row, where the store has a
 * column for it. Local. */
enum err_code store_write_setting(struct store *s, int64_t row, const struct field *f,
                                  const struct config *config, struct err *e);

/* Makes what was written durable (fdatasync). Local. */
enum err_code store_sync(struct store *s, struct err *e);

#endif
