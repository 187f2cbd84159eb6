/* scaling.h - scaling laws of a store: from its trials to fits, which are kept as
 * STORE.d/scaling.json and shown as text, CSV and HTML.
 *
 *   {"schema": 1, "fits": [{
 *     "y": "test_loss", "x": ["params"], "group": NAME or null, "value": "relu" or null,
 *     "form": "power", "formula": "E + A*x^-alpha", "refused": null or the reason,
 *     and, unless it is refused,
 *     "sizes": 8, "seeds": 10, "left_out": 0 (trials that are not done, or without a value),
 *     "outcome": "converged", "undetermined": null or "E",
 *     "interval": "percentile", "level": 95, "resamples": 4000, "failed_refits": 0,
 *     "huber": H, "loss": L, "r2": R,
 *     "params": [{"name": "E", "value": V, "low": L or null, "high": H or null}],
 *     "held_out": {"x": [X], "y": Y, "predicted": P, "error": relative, "outcome": ...},
 *     "points": [{"x": [X], "seeds": N, "y": mean, "predicted": P, "residual": relative}],
 *     "forms": [{"form": NAME, "formula": ..., "refused": null or the reason,
 *                "held_out_error": E, "r2": R, "loss": L, "outcome": ...}]}]}
 *
 * forms has all those that take as many sizes, the one with the least held-out error first. */
#ifndef SHOAL_COORD_SCALING_H
#define SHOAL_COORD_SCALING_H

#include <jansson.h>

#include "base/text.h"
#include "coord/results.h"
#include "coord/sweep.h"

#define SCALING_FILE "scaling.json"

/* Numbers of parameters of the store's trials by their identity in the sweep, params[n_trials];
 * NaN of a trial that the sweep does not plan. Local.
 * errors   as plan_create */
enum err_code scaling_params(const struct sweep *sweep, const struct results *r, double *params,
                             struct err *e);

/* Makes the fits of n specifications, of each one for every value of its group. What cannot be
 * fitted is in the document with its reason. Only trials that are done count; of a seed at a
 * size the mean over its trials. Local. json_decref(*out).
 *
 * params[n_trials]  NULL: there is no size called params
 * errors   ERR_NOMEM
 * same     bits for the same store and specifications */
enum err_code scaling_fits(const struct results *r, const double *params, int n,
                           const struct scaling_spec *spec, json_t **out, struct err *e);

/* The same for a store by its path; replaces STORE.d/scaling.json whole or not at all. Local,
 * no MPI.
 * errors   also ERR_IO, ERR_FORMAT */
enum err_code scaling_store(const char *store_path, const struct sweep *sweep, int n,
                            const struct scaling_spec *spec, json_t **out, struct err *e);

/* What STORE.d has; NULL where there is none. Local.
 * errors   ERR_FORMAT when it is none of ours */
enum err_code scaling_read(const char *store_path, json_t **out, struct err *e);

/* The reason of the first fit that was refused, or NULL. Borrowed. */
const char *scaling_refused(const json_t *document);

/* The document for a terminal; a row for each parameter; the tables of a page. Local. */
void scaling_table(const json_t *document, struct text *out);
void scaling_csv(const json_t *document, struct text *out);
void scaling_html(const json_t *document, struct text *out);

#endif
