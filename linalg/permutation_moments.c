/* permutation_moments.c - sums over the ways in which two pairs of rows may have rows in
 * common, and the gamma distribution's tail as a function of z and the skewness, which stays
 * accurate as the skewness goes to 0. */
#include "linalg/permutation_moments.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/err.h"

static double *zeros(int64_t n)
{
    double *out = calloc((size_t)n, sizeof *out);
    INVARIANT(out);
    return out;
}

/* ---- sums ---- */

static void add_degrees(int64_t n, const double *row, const double *column,
                        struct permutation_sums *s)
{
    for (int64_t i = 0; i < n; i++) {
        s->sum += row[i];
        s->rows += row[i] * row[i];
        s->columns += column[i] * column[i];
        s->rows_columns += row[i] * column[i];
    }
}

struct permutation_sums permutation_sums_dense(int64_t n, const double *a)
{
    struct permutation_sums s = {0};
    double *row = zeros(2 * n), *column = row + n;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++) {
            if (i == j) continue;
            double x = a[i * n + j];
            row[i] += x;
            column[j] += x;
            s.squares += x * x;
            s.reciprocal += x * a[j * n + i];
        }
    add_degrees(n, row, column, &s);
    free(row);
    return s;
}

static bool points_at(int64_t k, const int32_t *list, int64_t row)
{
    for (int64_t t = 0; t < k; t++)
        if (list[t] == row) return true;
    return false;
}

struct permutation_sums permutation_sums_lists(int64_t n, int64_t k, const int32_t *lists)
{
    struct permutation_sums s = {.squares = (double)(n * k)};
    double *row = zeros(2 * n), *column = row + n;
    for (int64_t i = 0; i < n; i++) {
        row[i] = (double)k;
        for (int64_t t = 0; t < k; t++) {
            int64_t j = lists[i * k + t];
            column[j]++;
            s.reciprocal += points_at(k, lists + j * k, i);
        }
    }
    add_degrees(n, row, column, &s);
    free(row);
    return s;
}

struct permutation_traces permutation_traces_dense(int64_t n, const double *k)
{
    struct permutation_traces t = {0};
    for (int64_t i = 0; i < n; i++) {
        t.trace += k[i * n + i];
        t.diagonal += k[i * n + i] * k[i * n + i];
        for (int64_t j = 0; j < n; j++) t.squares += k[i * n + j] * k[j * n + i];
    }
    return t;
}

/* ---- moments ---- */

/* Ways in which an ordered pair may have rows in common with another, (i, j). */
enum { SAME, SWAPPED, FIRST, SECOND, CHAIN, APART, PATTERNS };

/* pattern[p]: sum of the products a_ij a_kl of all two pairs (i, j), (k, l) of the pattern,
 * once the mean has been taken from each entry: the variance does not depend on it, its
 * rounding does. */
static void patterns(int64_t n, const struct permutation_sums *s, double pattern[PATTERNS])
{
    double shared = s->sum * s->sum / (double)n, each = shared / (double)(n - 1);
    double squares = s->squares - each, reciprocal = s->reciprocal - each;
    pattern[SAME] = squares;
    pattern[SWAPPED] = reciprocal;
    pattern[FIRST] = s->rows - shared - squares;
    pattern[SECOND] = s->columns - shared - squares;
    pattern[CHAIN] = s->rows_columns - shared - reciprocal; /* k = j; and as many l = i */
    pattern[APART] =
        -squares - reciprocal - pattern[FIRST] - pattern[SECOND] - 2 * pattern[CHAIN];
}

struct permutation_moments permutation_moments_pairs(int64_t n,
                                                     const struct permutation_sums *a,
                                                     const struct permutation_sums *b)
{
    INVARIANT(n >= 4);
    const double m = (double)n, two = m * (m - 1), three = two * (m - 2);
    const double ways[PATTERNS] = {1 / two,   1 / two,   1 / three,
                                   1 / three, 2 / three, 1 / (three * (m - 3))};
    struct permutation_moments out = {.mean = a->sum * b->sum / two};
    double x[PATTERNS], y[PATTERNS];
    patterns(n, a, x);
    patterns(n, b, y);
    for (int p = 0; p < PATTERNS; p++) out.variance += x[p] * y[p] * ways[p];
    out.variance = fmax(out.variance, 0); /* but for rounding */
    return out;
}

/* Of K without its part along the identity: its squares, and what the diagonal has beyond the
 * mean of a rotated matrix with the same eigenvalues. */
static void centred_parts(double n, const struct permutation_traces *t, double part[2])
{
    double square = t->trace * t->trace;
    part[0] = (n - 1) * t->squares - square;
    part[1] = n * (n + 1) * t->diagonal - (n - 1) * (square + 2 * t->squares);
}

struct permutation_moments permutation_moments_centred(int64_t n,
                                                       const struct permutation_traces *a,
                                                       const struct permutation_traces *b)
{
    INVARIANT(n >= 4);
    const double m = (double)n;
    double x[2], y[2];
    centred_parts(m, a, x);
    centred_parts(m, b, y);
    double whole = 2 * x[0] * y[0] / ((m + 1) * (m - 1) * (m - 1) * (m - 2));
    double diagonal = x[1] * y[1] / (m * (m + 1) * (m - 1) * (m - 2) * (m - 3));
    return (struct permutation_moments){a->trace * b->trace / (m - 1),
                                        fmax(whole + diagonal, 0)};
}

/* ---- tail ---- */

/* (u - log(1 + u)) / u^2 for u > -1; 1/2 at 0. */
static double log_gap(double u)
{
    if (fabs(u) > 0.2) return (u - log1p(u)) / (u * u);
    double sum = 0, power = 1;
    for (int k = 2; k < 30; k++, power *= -u) sum += power / k;
    return sum;
}

/* Gamma(a) over sqrt(2 pi / a) (a / e)^a. */
static double gamma_scaled(double a)
{
    if (a < 10) return tgamma(a) * sqrt(a / (2 * M_PI)) * exp(a) * pow(a, -a);
    double b = 1 / (a * a);
    return exp((1.0 / 12 - b * (1.0 / 360 - b * (1.0 / 1260 - b / 1680))) / a);
}

/* P(a, x) over x^a e^-x / Gamma(a + 1): the power series. */
static double lower_series(double a, double x)
{
    double sum = 1, term = 1;
    for (double k = 1; term > 1e-17 * sum; k++) sum += term *= x / (a + k);
    return sum;
}

/* Q(a, x) over x^a e^-x / Gamma(a), x >= a + 1: the continued fraction, by Lentz's method. */
static double upper_fraction(double a, double x)
{
    double b = x + 1 - a, c = HUGE_VAL, d = 1 / b, out = d;
    for (int k = 1; k < 1000000; k++) {
        double top = -k * (k - a);
        b += 2;
        d = 1 / (top * d + b);
        c = b + top / c;
        out *= c * d;
        if (fabs(c * d - 1) < 1e-15) break;
    }
    return out;
}

/* The tail beyond z of the standardised gamma distribution of shape a = 4 / skewness^2: its
 * variable is 2 / skewness (x - a) / a. w: exponent of the density. */
static double gamma_tail(double z, double skewness, double w)
{
    double a = 4 / (skewness * skewness), x = a + 2 * z / skewness;
    double density =
        exp(-w) / (sqrt(2 * M_PI * a) * gamma_scaled(a)); /* x^a e^-x / (a Gamma) */
    if (x < a + 1) {
        double lower = density * lower_series(a, x);
        return skewness < 0 ? lower : 1 - lower;
    }
    double upper = density * a * upper_fraction(a, x);
    return skewness < 0 ? 1 - upper : upper;
}

/* The same for skewness near 0: a normal tail of a bent z, and the first term of the rest. */
static double nearly_normal_tail(double z, double skewness, double w)
{
    double eta = copysign(sqrt(2 * w), z) * skewness / 2;
    double rest = -1.0 / 3 + eta * (1.0 / 12 + eta * (-2.0 / 135 + eta / 864));
    return 0.5 * erfc(copysign(sqrt(w), z)) + skewness / 2 * exp(-w) / sqrt(2 * M_PI) * rest;
}

double permutation_tail(double observed, double mean, double sd, double skewness)
{
    double z = (observed - mean) / sd, u = z * skewness / 2;
    if (!(sd > 0) || isnan(z) || isnan(skewness)) return NAN;
    if (isinf(z)) return z < 0;
    if (u <= -1) return skewness > 0 ? 1 : 0; /* beyond the end */
    double w = z * z * log_gap(u);
    double p =
        fabs(skewness) < 2e-3 ? nearly_normal_tail(z, skewness, w) : gamma_tail(z, skewness, w);
    return fmin(fmax(p, 0), 1);
}
