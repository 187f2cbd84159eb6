/* activation.c - one line per nonlinearity: f(x), and f'(x) in terms of x and y = f(x).
 *
 * To add one: an ELEMENTWISE line and a row. A kink (ReLU at 0) takes the derivative that
 * PyTorch takes. Conditions are written so that a NaN stays a NaN: it must reach the loss. */
#include "worker/activation.h"

#include "base/kernel.h"
#include "worker/vmath.h"

#define ELEMENTWISE(name, f, derivative)                                                       \
    KERNEL static void name##_forward(int64_t n, real leak, const real *restrict x_,           \
                                      real *restrict y_)                                       \
    {                                                                                          \
        (void)leak;                                                                            \
        for (int64_t i = 0; i < n; i++) {                                                      \
            real x = x_[i];                                                                    \
            y_[i] = (f);                                                                       \
        }                                                                                      \
    }                                                                                          \
    KERNEL static void name##_backward(int64_t n, real leak, const real *restrict x_,          \
                                       const real *restrict y_, real *restrict dy)             \
    {                                                                                          \
        (void)leak, (void)x_, (void)y_;                                                        \
        for (int64_t i = 0; i < n; i++) {                                                      \
            real x = x_[i], y = y_[i];                                                         \
            (void)x, (void)y;                                                                  \
            dy[i] *= (derivative);                                                             \
        }                                                                                      \
    }

/* SELU: the constants for which mean 0 and variance 1 are a fixed point. */
#define SELU_SCALE ((real)1.0507009873554804934193349852946)
#define SELU_ALPHA ((real)1.6732632423543772848170429916717)

static inline real gelu_tanh_inner(real x) /* tanh of sqrt(2/pi) (x + 0.044715 x^3) */
{
    return vmath_tanh((real)0.7978845608028654 * (x + (real)0.044715 * x * x * x));
}

static inline real gelu_tanh_slope(real x)
{
    real t = gelu_tanh_inner(x);
    real inner = (real)0.7978845608028654 * (1 + 3 * (real)0.044715 * x * x);
    return (real)0.5 * (1 + t) + (real)0.5 * x * (1 - t * t) * inner;
}

static inline real silu_slope(real x)
{
    real s = vmath_sigmoid(x);
    return s * (1 + x * (1 - s));
}

/* clang-format off */
ELEMENTWISE(identity,   x,                                     1)
ELEMENTWISE(relu,       x < 0 ? 0 : x,                         y > 0 ? 1 : 0)
ELEMENTWISE(leaky_relu, x < 0 ? leak * x : x,                  x > 0 ? 1 : leak)
ELEMENTWISE(gelu,       x * vmath_normal_cdf(x),
            vmath_normal_cdf(x) + x * vmath_normal_pdf(x))
ELEMENTWISE(gelu_tanh,  (real)0.5 * x * (1 + gelu_tanh_inner(x)), gelu_tanh_slope(x))
ELEMENTWISE(silu,       x * vmath_sigmoid(x),                  silu_slope(x))
ELEMENTWISE(sigmoid,    vmath_sigmoid(x),                      y * (1 - y))
ELEMENTWISE(tanh,       vmath_tanh(x),                         1 - y * y)
ELEMENTWISE(softplus,   vmath_softplus(x),                     vmath_sigmoid(x))
ELEMENTWISE(elu,        x < 0 ? vmath_expm1(x) : x,            x > 0 ? 1 : 1 + y)
ELEMENTWISE(selu,       SELU_SCALE * (x < 0 ? SELU_ALPHA * vmath_expm1(x) : x),
            x > 0 ? SELU_SCALE : y + SELU_SCALE * SELU_ALPHA)
ELEMENTWISE(relu2,      x < 0 ? 0 : x * x,                     x > 0 ? 2 * x : 0)
ELEMENTWISE(quadratic,  x * x,                                 2 * x)
ELEMENTWISE(sine,       vmath_sin(x),                          vmath_cos(x))
/* clang-format on */

#define ROW(name, help, source, ...)                                                           \
    {                                                                                          \
        {#name, help, source}, name##_forward, name##_backward, __VA_ARGS__                    \
    }

static const struct activation rows[] = {
    ROW(identity, "x", NULL),
    ROW(relu, "max(0, x)", NULL, .kinked = true),
    ROW(leaky_relu, "x, or model.leak * x left of zero", NULL, .kinked = true),
    ROW(gelu, "x times the normal distribution function of x (exact)", "arXiv 1606.08415"),
    ROW(gelu_tanh, "GELU by its tanh approximation", "arXiv 1606.08415, section 2"),
    ROW(silu, "x sigmoid(x)", "arXiv 1606.08415, section 2"),
    ROW(sigmoid, "1 / (1 + exp(-x))", NULL),
    ROW(tanh, "hyperbolic tangent", NULL),
    ROW(softplus, "log(1 + exp(x))", NULL),
    ROW(elu, "x, or exp(x) - 1 left of zero", "arXiv 1511.07289"),
    ROW(selu, "ELU scaled to keep mean 0 and variance 1", "arXiv 1706.02515"),
    ROW(relu2, "max(0, x)^2", "arXiv 2109.08668"),
    ROW(quadratic, "x^2", NULL),
    ROW(sine, "sin(x)", NULL),
};

const struct table activations = TABLE("activation", rows);
