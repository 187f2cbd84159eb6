/* label.h - what people call the settings and metrics of a store. */
#ifndef SHOAL_COORD_LABEL_H
#define SHOAL_COORD_LABEL_H

enum { LABEL_SIZE = 96 };

/* What an axis is called: the help of the setting or metric, as far as it is short, and its
 * unit. Returns out. Local. */
const char *label_axis(const char *name, char out[LABEL_SIZE]);

/* Which values of a metric are better: 1 larger ones, -1 smaller ones, 0 neither or unknown. An
 * alignment measure is 0. Local. */
int label_better(const char *name);

#endif
