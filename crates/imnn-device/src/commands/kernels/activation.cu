// Activations of values (n, width) followed by their tangents (n, p, width); the rules are those of `activation.rs`.
// The numbers of the functions and their constants come from Rust (`kernels.rs`).

struct Derivatives {
    REAL value, slope, curvature;
};

// Comparisons are written so that a NaN stays a NaN.
INLINE REAL kink(unsigned f, REAL v) {
    if (f == RELU)
        return v <= 0 ? (REAL)0 : v;
    if (f == LEAKY_RELU)
        return v >= 0 ? v : LEAK * v;
    return f == IDENTITY ? v : (REAL)nan("");
}

// The slope from the output.
INLINE REAL kink_slope(unsigned f, REAL y) {
    if (f == RELU)
        return y > 0 ? (REAL)1 : (REAL)0;
    if (f == LEAKY_RELU)
        return y >= 0 ? (REAL)1 : LEAK;
    return 1;
}

INLINE REAL sigmoid(REAL v) {
    REAL e = exp(-fabs(v));
    return v >= 0 ? 1 / (1 + e) : e / (1 + e);
}

INLINE REAL sigmoid_slope(REAL v) {
    REAL e = exp(-fabs(v));
    return e / ((1 + e) * (1 + e));
}

INLINE Derivatives smooth(unsigned f, REAL v) {
    Derivatives d;
    switch (f) {
    case TANH: {
        // Near zero the digits of 1 - e count, elsewhere those of e.
        REAL u = -2 * fabs(v), e, rest;
        if (u > -1) {
            REAL m = expm1(u);
            e = 1 + m;
            rest = -m;
        } else {
            e = exp(u);
            rest = 1 - e;
        }
        REAL t = rest / (1 + e);
        d.value = v < 0 ? -t : t;
        d.slope = 4 * e / ((1 + e) * (1 + e));
        d.curvature = -2 * d.value * d.slope;
        break;
    }
    case SIGMOID:
        d.value = sigmoid(v);
        d.slope = sigmoid_slope(v);
        d.curvature = d.slope * (1 - 2 * d.value);
        break;
    case SOFTPLUS:
        d.value = (v < 0 ? (REAL)0 : v) + log1p(exp(-fabs(v)));
        d.slope = sigmoid(v);
        d.curvature = sigmoid_slope(v);
        break;
    case ELU:
        d.value = v > 0 ? v : expm1(v);
        d.slope = v > 0 ? (REAL)1 : exp(v);
        d.curvature = v > 0 ? (REAL)0 : exp(v);
        break;
    case GELU: {
        REAL u = GELU_SCALE * (v + GELU_CUBIC * v * v * v);
        REAL du = GELU_SCALE * (1 + 3 * GELU_CUBIC * v * v), ddu = GELU_SCALE * 6 * GELU_CUBIC * v;
        REAL s = sigmoid(u), slope = sigmoid_slope(u);
        d.value = v * s;
        d.slope = s + v * slope * du;
        d.curvature = slope * (2 * du + v * (ddu + du * du * (1 - 2 * s)));
        break;
    }
    case SELU:
        d.value = SELU_SCALE * (v > 0 ? v : SELU_ALPHA * expm1(v));
        d.slope = SELU_SCALE * (v > 0 ? (REAL)1 : SELU_ALPHA * exp(v));
        d.curvature = v > 0 ? (REAL)0 : SELU_SCALE * SELU_ALPHA * exp(v);
        break;
    case EXP:
        d.value = d.slope = d.curvature = exp(v);
        break;
    case ASINH: {
        REAL h = hypot((REAL)1, v);
        d.value = asinh(v);
        d.slope = 1 / h;
        d.curvature = -(v / h) / (h * h);
        break;
    }
    case LOG1P:
        d.value = log1p(v);
        d.slope = 1 / (1 + v);
        d.curvature = -1 / ((1 + v) * (1 + v));
        break;
    default:
        // A function without a case here shows at once.
        d.value = d.slope = d.curvature = (REAL)nan("");
    }
    return d;
}

// In place: v = x + bias, y = f(v), t' = f'(v) t. A thread for each value.
KERNEL piecewise_forward(unsigned n_values, unsigned f, unsigned p, unsigned width, IN(REAL) bias, unsigned n_bias,
                         OUT(REAL) x) {
    THREAD(i, n_values);
    REAL v = x[i];
    if (n_bias > 0)
        v += bias[i % width % n_bias];
    REAL y = kink(f, v), slope = kink_slope(f, y);
    x[i] = y;
    unsigned at = n_values + i / width * p * width + i % width;
    for (unsigned a = 0; a < p; a++, at += width)
        x[at] = (REAL)x[at] * slope;
}

// In place: cotangents (n, q, width), from `first` on, times the slope, which the sign of y tells. A thread for each value.
KERNEL piecewise_backward(unsigned n_values, unsigned f, unsigned q, unsigned width, unsigned first, IN(REAL) y,
                          OUT(REAL) g) {
    THREAD(i, n_values);
    REAL slope = kink_slope(f, y[i]);
    unsigned at = first + i / width * q * width + i % width;
    for (unsigned s = 0; s < q; s++, at += width)
        g[at] = (REAL)g[at] * slope;
}

// v = x + bias in place, y = f(v), t' = f'(v) t. A thread for each value.
KERNEL smooth_forward(unsigned n_values, unsigned f, unsigned p, unsigned width, IN(REAL) bias, unsigned n_bias,
                      OUT(REAL) x, OUT(REAL) y) {
    THREAD(i, n_values);
    REAL v = x[i];
    if (n_bias > 0) {
        v += bias[i % width % n_bias];
        x[i] = v;
    }
    Derivatives d = smooth(f, v);
    y[i] = d.value;
    unsigned at = n_values + i / width * p * width + i % width;
    for (unsigned a = 0; a < p; a++, at += width)
        y[at] = d.slope * (REAL)x[at];
}

// g_t = f' g_t', g_v = f' g_y + f'' sum_a t_a g_t'_a; put or added to gx. A thread for each value.
KERNEL smooth_backward(unsigned n_values, unsigned f, unsigned p, unsigned width, IN(REAL) x, IN(REAL) gy, OUT(REAL) gx,
                       unsigned add) {
    THREAD(i, n_values);
    Derivatives d = smooth(f, x[i]);
    REAL sum = 0;
    unsigned at = n_values + i / width * p * width + i % width;
    for (unsigned a = 0; a < p; a++, at += width) {
        REAL g = gy[at];
        sum += x[at] * g;
        put(gx, at, d.slope * g, add);
    }
    put(gx, i, d.slope * gy[i] + d.curvature * sum, add);
}
