/* vmath.h - elementary functions of the core's number type, made to stand inside loops.
 *
 * In single precision they are polynomials without branches, calls or tables, so that a loop
 * over them becomes vector code, and any vector width gives the same bits. Errors are a few
 * units of the last place (tests/test_vmath.c); NaN gives NaN. In double precision, which is
 * for checking, they are the C library's. */
#ifndef SHOAL_WORKER_VMATH_H
#define SHOAL_WORKER_VMATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "worker/real.h"

#ifdef SHOAL_REAL_DOUBLE

static inline real vmath_exp(real x)
{
    return exp(x);
}

static inline real vmath_expm1(real x)
{
    return expm1(x);
}

static inline real vmath_log1p(real u)
{
    return log1p(u);
}

static inline real vmath_tanh(real x)
{
    return tanh(x);
}

static inline real vmath_normal_cdf(real x)
{
    return 0.5 * erfc(-x * 0.70710678118654752440);
}

static inline real vmath_sin(real x)
{
    return sin(x);
}

static inline real vmath_cos(real x)
{
    return cos(x);
}

#else

static inline real vmath_power_of_two(int32_t n) /* -126 <= n <= 127 */
{
    uint32_t bits = (uint32_t)(n + 127) << 23;
    real power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* exp(x) = 2^n (1 + p), |p| small; 2^n comes as the product of two factors, because at both
 * ends of the range it is no float by itself. x is clamped to where exp overflows and
 * underflows. */
struct vmath_exp_parts {
    real p, power1, power2;
};

static inline struct vmath_exp_parts vmath_exp_split(real x)
{
    const real magic =
        0x1.8p23f; /* adding it rounds to an integer and leaves that in the bits */
    x = x > 89 ? 89 : x;
    x = x < -104 ? -104 : x;
    real shifted = x * 1.44269504f + magic, n = shifted - magic;
    int32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    int32_t whole = bits - 0x4B400000, half = whole >> 1;
    real r = (x - n * 0.693359375f) - n * -2.12194440e-4f; /* ln 2 in two parts */
    real q = 1.98412698e-4f;
    q = q * r + 1.38888889e-3f;
    q = q * r + 8.33333333e-3f;
    q = q * r + 4.16666667e-2f;
    q = q * r + 1.66666667e-1f;
    q = q * r + 0.5f;
    return (struct vmath_exp_parts){r + r * r * q, vmath_power_of_two(half),
                                    vmath_power_of_two(whole - half)};
}

static inline real vmath_exp(real x)
{
    struct vmath_exp_parts e = vmath_exp_split(x);
    return (1 + e.p) * e.power1 * e.power2;
}

/* exp(x) - 1 for x <= 0, accurate near 0. */
static inline real vmath_expm1(real x)
{
    struct vmath_exp_parts e = vmath_exp_split(x);
    real power = e.power1 * e.power2;
    return power * e.p + (power - 1);
}

/* log(1 + u) for 0 <= u <= 1: 2 artanh(u / (2 + u)). */
static inline real vmath_log1p(real u)
{
    real t = u / (2 + u), s = t * t, q = 1.0f / 15;
    q = q * s + 1.0f / 13;
    q = q * s + 1.0f / 11;
    q = q * s + 1.0f / 9;
    q = q * s + 1.0f / 7;
    q = q * s + 1.0f / 5;
    q = q * s + 1.0f / 3;
    return 2 * (t + t * s * q);
}

static inline real vmath_tanh(real x)
{
    real m = vmath_expm1(-2 * fabsf(x));
    return copysignf(m / (2 + m), x);
}

/* The normal distribution function: for the lower tail 1/2 erfc(a), a = |x| / sqrt 2, as
 * t exp(-a^2 + P(t)) / 2 with t = 1 / (1 + a/2). P is a least-squares fit at Chebyshev points
 * for a <= 12, good to 1e-7. */
static inline real vmath_normal_cdf(real x)
{
    real a = fabsf(x) * 0.707106781f, t = 1 / (1 + 0.5f * a);
    real q = 0.157751014f;
    q = q * t - 0.750181579f;
    q = q * t + 1.31865295f;
    q = q * t - 0.909740677f;
    q = q * t + 0.0943214304f;
    q = q * t - 0.0902556603f;
    q = q * t + 0.0652326514f;
    q = q * t + 0.380354122f;
    q = q * t + 0.999348078f;
    q = q * t - 1.26548227f;
    real tail = 0.5f * t * vmath_exp(q - a * a);
    return x > 0 ? 1 - tail : tail;
}

static inline real vmath_sin(real x)
{
    return sinf(x); /* a good reduction of large arguments does not vectorise */
}

static inline real vmath_cos(real x)
{
    return cosf(x);
}

#endif

static inline real vmath_sigmoid(real x)
{
    return 1 / (1 + vmath_exp(-x));
}

/* log(1 + exp(x)) without overflow. */
static inline real vmath_softplus(real x)
{
    real size = x < 0 ? -x : x;
    return (x < 0 ? 0 : x) + vmath_log1p(vmath_exp(-size));
}

static inline real vmath_normal_pdf(real x)
{
    return (real)0.3989422804014327 * vmath_exp((real)-0.5 * x * x);
}

#endif
