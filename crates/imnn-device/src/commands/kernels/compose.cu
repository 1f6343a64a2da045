// Weights of two linear layers in one, and their gradients; see imnn-engine/src/steps/compose.rs. The first layer has c channels in and f
// out, the second f in and g out for each tap of its windows: taps (n_outputs, n_taps) as everywhere.

// W'[k] = W1 W2[k], and through[k] = b1 W2[k]. A thread for each number: rows 0 .. c of a tap are W'[k], row c is through[k].
KERNEL compose(unsigned n, IN(REAL) w1, IN(REAL) b1, IN(REAL) w2, unsigned c, unsigned f, unsigned g, OUT(REAL) weight,
               OUT(REAL) through) {
    THREAD(i, n);
    unsigned j = i % g, row = i / g % (c + 1), k = i / g / (c + 1);
    REAL sum = 0;
    for (unsigned l = 0; l < f; l++)
        sum += (row < c ? w1[row * f + l] : b1[l]) * w2[(k * f + l) * g + j];
    if (row < c)
        weight[(k * c + row) * g + j] = sum;
    else
        through[k * g + j] = sum;
}

// b'[o, j] = b2[j] + sum over taps k inside of through[k, j]. A thread for each number of b'.
KERNEL compose_bias(unsigned n, IN(REAL) b2, IN(REAL) through, IN(unsigned) taps, unsigned n_taps, unsigned g,
                    OUT(REAL) bias) {
    THREAD(i, n);
    unsigned o = i / g, j = i % g;
    REAL sum = b2[j];
    for (unsigned k = 0; k < n_taps; k++)
        if (taps[o * n_taps + k] != OUTSIDE)
            sum += through[k * g + j];
    bias[i] = sum;
}

// h[k, j] = sum over outputs o with tap k inside of g_b'[o, j]; and g_b2[j] += the sum over all o. A thread for each number
// of h, and for each of b2.
KERNEL fold_bias(unsigned n, IN(REAL) bias, IN(unsigned) taps, unsigned n_outputs, unsigned n_taps, unsigned g,
                 OUT(REAL) h, OUT(REAL) b2) {
    THREAD(i, n);
    unsigned k = i / g, j = i % g;
    REAL sum = 0;
    for (unsigned o = 0; o < n_outputs; o++)
        if (k == n_taps || taps[o * n_taps + k] != OUTSIDE)
            sum += bias[o * g + j];
    if (k == n_taps)
        b2[j] = (REAL)b2[j] + sum;
    else
        h[i] = sum;
}

// g_W1 += sum_k g_W'[k] W2[k]^T, g_b1 += sum_k h[k] W2[k]^T. A thread for each number, those of b1 last.
KERNEL fold_first(unsigned n, IN(REAL) weight, IN(REAL) h, IN(REAL) w2, unsigned c, unsigned f, unsigned g,
                  unsigned n_taps, OUT(REAL) w1, OUT(REAL) b1) {
    THREAD(i, n);
    unsigned l = i % f, row = i / f;
    REAL sum = 0;
    for (unsigned k = 0; k < n_taps; k++)
        for (unsigned j = 0; j < g; j++)
            sum += (row < c ? weight[(k * c + row) * g + j] : h[k * g + j]) * w2[(k * f + l) * g + j];
    if (row < c)
        w1[i] = (REAL)w1[i] + sum;
    else
        b1[l] = (REAL)b1[l] + sum;
}

// g_W2[k] += W1^T g_W'[k] + b1^T h[k]. A thread for each number.
KERNEL fold_second(unsigned n, IN(REAL) weight, IN(REAL) h, IN(REAL) w1, IN(REAL) b1, unsigned c, unsigned f, unsigned g,
                   OUT(REAL) w2) {
    THREAD(i, n);
    unsigned j = i % g, l = i / g % f, k = i / g / f;
    REAL sum = b1[l] * h[k * g + j];
    for (unsigned row = 0; row < c; row++)
        sum += w1[row * f + l] * weight[(k * c + row) * g + j];
    w2[i] = (REAL)w2[i] + sum;
}
