/* rate.h - how fast this machine is. */
#ifndef SHOAL_WORKER_RATE_H
#define SHOAL_WORKER_RATE_H

/* FLOP/s of one core of this machine on the matrix products of a training step; takes about 30
 * ms. Local. */
double rate_measure(void);

#endif
