/* transport.h - the best matching of two sets, whose elements split where the sizes differ. */
#ifndef SHOAL_LINALG_TRANSPORT_H
#define SHOAL_LINALG_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of scratch that transport_uniform wants. What suffices for two sizes suffices for
 * smaller ones. Local. */
size_t transport_scratch(int64_t rows, int64_t columns);

/* The maximum of sum plan[i, j] gain[i, j] over plans >= 0 with row sums 1 / rows and column
 * sums 1 / columns; for equal sizes the mean gain of the best assignment. gain[rows, columns]
 * is row-major and finite, rows and columns at least 1. Exact but for rounding. Local.
 *
 * cost     one shortest path, at most (rows + 2 columns) columns steps, per augmentation: rows
 *          of them for equal sizes, one to four times rows + columns measured for others
 * source   Jonker and Volgenant 1987, successive shortest paths with potentials */
double transport_uniform(int64_t rows, int64_t columns, const double *gain, void *scratch);

#endif
