/* real.h - the number type of the training core. The sources of worker/ and experiments/ are
 * compiled twice: with float for work, with double for gradient checks and golden values. */
#ifndef SHOAL_WORKER_REAL_H
#define SHOAL_WORKER_REAL_H

#ifdef SHOAL_REAL_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
