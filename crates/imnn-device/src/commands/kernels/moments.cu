// Moments of the summaries, in double precision. A batch's summaries lie as the network leaves them: values (rows, q), then
// what is beside them, tangents (rows, p, q) or the summaries below and above (rows, 2, p, q).
//
// Sums run over parts of the rows first, then over the parts, both in order.

// Part k: columns 0 .. q are sums of the summaries, the p after summary s those of its change with each parameter.
// A thread for each sum.
KERNEL first_sums(unsigned n, IN(REAL) x, unsigned rows, unsigned rows_per_part, unsigned q, unsigned p, unsigned tangent_rows,
                  IN(double) widths, OUT(double) parts) {
    THREAD(i, n);
    unsigned columns = q + q * p, j = i % columns, begin = i / columns * rows_per_part;
    unsigned end = begin + rows_per_part < rows ? begin + rows_per_part : rows;
    double sum = 0;
    if (j < q) {
        READ_AHEAD
        for (unsigned r = begin; r < end; r++)
            sum += x[r * q + j];
    } else if (tangent_rows > 0) {
        unsigned s = (j - q) / p, a = (j - q) % p;
        READ_AHEAD
        for (unsigned r = begin; r < end; r++) {
            unsigned at = rows * q + (r * tangent_rows + a) * q + s;
            if (tangent_rows == p)
                sum += x[at];
            else
                sum += ((double)x[at + p * q] - (double)x[at]) / widths[a];
        }
    }
    parts[i] = sum;
}

// mean[j] = sum of all parts / how many there are: n_s for summaries, n_d for their changes. A thread for each.
KERNEL first_means(unsigned n, IN(double) parts, unsigned n_parts, unsigned q, unsigned n_s, unsigned n_d,
                   OUT(double) mean) {
    THREAD(j, n);
    double sum = 0;
    READ_AHEAD
    for (unsigned k = 0; k < n_parts; k++)
        sum += parts[k * n + j];
    mean[j] = sum / (j < q ? n_s : n_d);
}

// With y = x - mean. Part k: columns 0 .. q are sums of y, the q * q next of y_a y_b, the last q the largest |x|.
// A thread for each.
KERNEL second_sums(unsigned n, IN(REAL) x, unsigned rows, unsigned rows_per_part, unsigned q, IN(double) mean,
                   OUT(double) parts) {
    THREAD(i, n);
    unsigned columns = q * (q + 2), j = i % columns, begin = i / columns * rows_per_part;
    unsigned end = begin + rows_per_part < rows ? begin + rows_per_part : rows;
    double sum = 0;
    if (j < q) {
        READ_AHEAD
        for (unsigned r = begin; r < end; r++)
            sum += (double)x[r * q + j] - mean[j];
    } else if (j < q + q * q) {
        unsigned a = (j - q) / q, b = (j - q) % q;
        READ_AHEAD
        for (unsigned r = begin; r < end; r++)
            sum += ((double)x[r * q + a] - mean[a]) * ((double)x[r * q + b] - mean[b]);
    } else {
        unsigned a = j - q - q * q;
        READ_AHEAD
        for (unsigned r = begin; r < end; r++) {
            double size = fabs((double)x[r * q + a]);
            sum = size > sum || size != size ? size : sum;
        }
    }
    parts[i] = sum;
}

// Sums, and in the last q columns maxima, over all parts. A thread for each.
KERNEL second_totals(unsigned n, IN(double) parts, unsigned n_parts, unsigned q, OUT(double) totals) {
    THREAD(j, n);
    double total = 0;
    READ_AHEAD
    for (unsigned k = 0; k < n_parts; k++) {
        double part = parts[k * n + j];
        if (j < n - q)
            total += part;
        else
            total = part > total || part != part ? part : total;
    }
    totals[j] = total;
}

// dloss/dx_i = G (x_i - mu), and behind them the same numbers over and over for what is beside each simulation.
// A thread for each number.
KERNEL cotangents(unsigned n, IN(REAL) x, unsigned n_values, unsigned q, IN(double) gradient, IN(REAL) tangent_rows,
                  unsigned n_tangent_rows, OUT(REAL) to) {
    THREAD(i, n);
    if (i >= n_values) {
        to[i] = tangent_rows[(i - n_values) % n_tangent_rows];
        return;
    }
    unsigned row = i / q, b = i % q;
    double sum = 0;
    for (unsigned a = 0; a < q; a++)
        sum += gradient[q + a * q + b] * ((double)x[row * q + a] - gradient[a]);
    to[i] = (REAL)sum;
}
