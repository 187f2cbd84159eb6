/* vmath.h - elementary functions of the core's number type, made to stand inside loops. */
#ifndef SHOAL_WORKER_VMATH_H
#define SHOAL_WORKER_VMATH_H

#include <tgmath.h>

#include "worker/real.h"

static inline real vmath_exp(real x)
{
    return exp(x);
}

static inline real vmath_expm1(real x)
{
    return expm1(x);
}

static inline real vmath_log1p(real x)
{
    return log1p(x);
}

static inline real vmath_sin(real x)
{
    return sin(x);
}

static inline real vmath_cos(real x)
{
    return cos(x);
}

static inline real vmath_tanh(real x)
{
    return tanh(x);
}

static inline real vmath_sigmoid(real x)
{
    return 1 / (1 + vmath_exp(-x));
}

/* log(1 + exp(x)) without overflow. */
static inline real vmath_softplus(real x)
{
    return (x > 0 ? x : 0) + vmath_log1p(vmath_exp(-fabs(x)));
}

static inline real vmath_normal_cdf(real x)
{
    return (real)0.5 * (1 + erf(x * (real)0.7071067811865476));
}

static inline real vmath_normal_pdf(real x)
{
    return (real)0.3989422804014327 * vmath_exp((real)-0.5 * x * x);
}

#endif
