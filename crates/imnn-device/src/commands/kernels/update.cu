// Optimisers, as in imnn-models. The weights before an update are remembered; where there is no loss nothing changes.
//
// limit: the limit on the gradient, and by what a gradient beyond it is multiplied; LIMIT_NONE looks at neither.

INLINE REAL limited(REAL g, unsigned kind, IN(double) limit) {
    if (kind == LIMIT_NORM)
        return (REAL)((double)g * limit[1]);
    if (kind == LIMIT_VALUE) {
        REAL most = (REAL)limit[0];
        return g < -most ? -most : g > most ? most : g;
    }
    return g;
}

// The largest |g| of each part; NaNs show in the squares. A thread for each part.
KERNEL largest_parts(unsigned n, IN(REAL) g, unsigned len, unsigned per_part, OUT(double) parts) {
    THREAD(k, n);
    unsigned begin = k * per_part, end = begin + per_part < len ? begin + per_part : len;
    double most = 0;
    for (unsigned i = begin; i < end; i++) {
        double size = fabs((double)g[i]);
        most = size > most ? size : most;
    }
    parts[k] = most;
}

INLINE double unit_of(IN(double) largest, unsigned n_parts) {
    double unit = 0;
    for (unsigned k = 0; k < n_parts; k++)
        unit = largest[k] > unit ? largest[k] : unit;
    return unit > 0 ? unit : 1;
}

// Sums of squares of each part, relative to the largest of all, so that they do not overflow. A thread for each part.
KERNEL square_parts(unsigned n, IN(REAL) g, unsigned len, unsigned per_part, IN(double) largest, OUT(double) parts) {
    THREAD(k, n);
    double unit = unit_of(largest, n), sum = 0;
    unsigned begin = k * per_part, end = begin + per_part < len ? begin + per_part : len;
    for (unsigned i = begin; i < end; i++)
        sum += (g[i] / unit) * (g[i] / unit);
    parts[k] = sum;
}

// limit[1] = limit[0] / norm where the norm is above the limit, else 1. One thread.
KERNEL norm_limit(unsigned n, IN(double) largest, IN(double) squares, unsigned n_parts, OUT(double) limit) {
    THREAD(thread, n);
    double sum = 0;
    for (unsigned k = 0; k < n_parts; k++)
        sum += squares[k];
    double norm = unit_of(largest, n_parts) * sqrt(sum);
    limit[1] = norm <= (double)limit[0] ? 1.0 : limit[0] / norm;
}

// m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= scale m / (sqrt(lift v) + eps) + shrink w; c holds 1 - b1, 1 - b2,
// b1, b2, scale, lift, eps, shrink. A thread for each weight.
KERNEL adam(unsigned n, IN(double) record, IN(REAL) c, unsigned clip, IN(double) limit, IN(REAL) gradient,
            OUT(REAL) previous, OUT(REAL) w, OUT(REAL) m, OUT(REAL) v) {
    THREAD(i, n);
    REAL old = w[i];
    previous[i] = old;
    if (record[0] != 0)
        return;
    REAL g = limited(gradient[i], clip, limit);
    REAL mean = c[0] * g + c[2] * (REAL)m[i], square = c[1] * (g * g) + c[3] * (REAL)v[i];
    m[i] = mean;
    v[i] = square;
    w[i] = old - c[4] * mean / (sqrt(c[5] * square) + c[6]) - c[7] * old;
}

// v = momentum v + g, w -= rate v, or with Nesterov's rule rate (g + momentum v); c holds rate, momentum and 1 for
// Nesterov's rule, else 0.
// A thread for each weight.
KERNEL sgd(unsigned n, IN(double) record, IN(REAL) c, unsigned clip, IN(double) limit, IN(REAL) gradient,
           OUT(REAL) previous, OUT(REAL) w, OUT(REAL) v) {
    THREAD(i, n);
    REAL old = w[i];
    previous[i] = old;
    if (record[0] != 0)
        return;
    REAL g = limited(gradient[i], clip, limit), velocity = c[1] * (REAL)v[i] + g;
    v[i] = velocity;
    w[i] = old - c[0] * (c[2] != 0 ? g + c[1] * velocity : velocity);
}

// v = decay v + (1 - decay) g^2, w -= rate g / (sqrt(v) + eps); c holds rate, 1 - decay, decay, eps.
// A thread for each weight.
KERNEL rmsprop(unsigned n, IN(double) record, IN(REAL) c, unsigned clip, IN(double) limit, IN(REAL) gradient,
                OUT(REAL) previous, OUT(REAL) w, OUT(REAL) v) {
    THREAD(i, n);
    REAL old = w[i];
    previous[i] = old;
    if (record[0] != 0)
        return;
    REAL g = limited(gradient[i], clip, limit), square = c[1] * (g * g) + c[2] * (REAL)v[i];
    v[i] = square;
    w[i] = old - c[0] * g / (sqrt(square) + c[3]);
}
