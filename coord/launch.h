/* launch.h - the front end: starts the launcher as a child, shows progress from the journal.
 *
 * It never calls MPI_Init: an MPI rank cannot know its terminal, this process does. */
#ifndef SHOAL_COORD_LAUNCH_H
#define SHOAL_COORD_LAUNCH_H

#include "coord/cli.h"

/* Starts `shoal VERB ...` with the words of argv (NULL-terminated, argv[0] is the verb) on
 * o->np ranks and waits. store: whose journal tells progress and the exit status; NULL: the
 * child's own status counts and nothing is drawn. Returns the exit status; 128 + n when signal
 * n ended it. errors are printed. Local. */
int launch(const struct options *o, const char *const *argv, const char *store);

#endif
