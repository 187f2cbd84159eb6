/* launch.h - the front end: starts the launcher as a child, shows progress from the journal.
 *
 * It never calls MPI_Init: an MPI rank cannot know its terminal, this process does. */
#ifndef SHOAL_COORD_LAUNCH_H
#define SHOAL_COORD_LAUNCH_H

#include "coord/cli.h"

enum { LAUNCH_WORDS = 200 };

/* The command line of each rank: verb, operands, options. Borrowed words; zero-initialise. */
struct launch_words {
    const char *at[LAUNCH_WORDS + 1];
    int n;
};
void launch_add(struct launch_words *w, const char *word);
void launch_option(struct launch_words *w, const char *name,
                   const char *value); /* NULL: none */

/* Starts `shoal` with those words on o->np ranks (0: cores + 1) and waits. store: whose journal
 * tells progress and the exit status; NULL: the child's own status counts and nothing is drawn.
 * Returns the exit status; 128 + n when signal n ended it. Errors are printed. Local. */
int launch(const struct options *o, const struct launch_words *w, const char *store);

#endif
