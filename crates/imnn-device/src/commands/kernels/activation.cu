// Activations of values (n, width) followed by their tangents (n, p, width); the rules are those of the steps on the CPU.
// The functions `kink`, `kink_slope` and `smooth` come from imnn-models.

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

// In place: g_v = f' g_y + f'' sum_a t_a g_t'_a, g_t = f' g_t'. A thread for each value.
KERNEL smooth_backward(unsigned n_values, unsigned f, unsigned p, unsigned width, IN(REAL) x, OUT(REAL) g) {
    THREAD(i, n_values);
    Derivatives d = smooth(f, x[i]);
    REAL sum = 0;
    unsigned at = n_values + i / width * p * width + i % width;
    for (unsigned a = 0; a < p; a++, at += width) {
        REAL tangent = g[at];
        sum += x[at] * tangent;
        g[at] = d.slope * tangent;
    }
    g[i] = d.slope * (REAL)g[i] + d.curvature * sum;
}
