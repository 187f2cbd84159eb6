/* progress.h - what the front end shows of a run: read from the journal, drawn on stderr. */
#ifndef SHOAL_COORD_PROGRESS_H
#define SHOAL_COORD_PROGRESS_H

#include "coord/cli.h"
#include "coord/state.h"

struct progress;

/* How to show it is --progress: auto (bar on a terminal, lines elsewhere), bar, lines, json,
 * none. store NULL: nothing is shown. */
struct progress *progress_create(const struct options *o, const char *store);

/* Draws if it is time to. Local. */
void progress_draw(struct progress *p);

/* Draws the end. Returns the exit status that the run recorded since progress_create, or -1. */
int progress_finish(struct progress *p);
void progress_destroy(struct progress *p);

/* Seconds that remain at the measured rate, NaN while unknown. */
double progress_eta_s(const struct state *s);

/* "610 done, 118 running, 165 planned" of the states that occur, in out. Returns out. */
const char *progress_counts(const struct state *s, const char *between, bool label_first,
                            char *out, size_t size);

#endif
