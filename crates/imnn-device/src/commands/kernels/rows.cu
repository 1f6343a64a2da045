// Rows: biases, standardised channels, copies between slices of channels, seeds of the backward pass, combinations and
// sums.

// y[at, c] += bias[at % n_rows_of_bias, c]. A thread for each number.
KERNEL add_bias(unsigned n, OUT(REAL) y, unsigned ld, IN(REAL) bias, unsigned n_bias, unsigned channels) {
    THREAD(i, n);
    unsigned at = i / channels * ld + i % channels;
    y[at] = (REAL)y[at] + bias[i % n_bias];
}

// y = (x - mean) / deviation for the first n_values numbers, which are values; for the rest, tangents, y = x / deviation.
// Put or added. The constants are the means of all channels, then their deviations. A thread for each number.
KERNEL standardise(unsigned n, IN(REAL) x, IN(REAL) constants, unsigned n_values, unsigned channels, OUT(REAL) y,
                   unsigned add) {
    THREAD(i, n);
    unsigned c = i % channels;
    REAL value = x[i];
    if (i < n_values)
        value -= constants[c];
    put(y, i, value / constants[channels + c], add);
}

// From positions ld_from apart to positions ld_to apart, put or added. A thread for each number.
KERNEL copy(unsigned n, IN(REAL) from, unsigned ld_from, OUT(REAL) to, unsigned ld_to, unsigned channels, unsigned add) {
    THREAD(i, n);
    unsigned at = i / channels, c = i % channels;
    put(to, at * ld_to + c, from[at * ld_from + c], add);
}

// Unit vectors: row r has a one at r % q. A thread for each number.
KERNEL seed_units(unsigned n, OUT(REAL) seeds, unsigned size, unsigned q) {
    THREAD(i, n);
    seeds[i] = i / size % q == i % size ? (REAL)1 : (REAL)0;
}

// The cotangents of all values, then those of the tangents of one simulation over and over. A thread for each number.
KERNEL seed_rows(unsigned n, OUT(REAL) seeds, IN(REAL) values, unsigned n_values, IN(REAL) tangents,
                 unsigned n_tangents) {
    THREAD(i, n);
    if (i < n_values)
        seeds[i] = values[i];
    else
        seeds[i] = tangents[(i - n_values) % n_tangents];
}

// left[i, s] = g[i, s] h[i] + sum_a G[a, s] t[i, a], for left (n, q, size).
template <unsigned N>
INLINE void combine_run(unsigned thread, IN(REAL) x, unsigned n_values, unsigned p, unsigned q, unsigned size,
                        IN(REAL) values, IN(REAL) tangents, OUT(REAL) left) {
    unsigned i = thread * N, c = i % size, row = i / size, s = row % q, simulation = row / q;
    REAL value = values[row];
    Run<N> sum = read<N>(x, simulation * size + c);
    for (unsigned j = 0; j < N; j++)
        sum.of[j] *= value;
    unsigned at = n_values + simulation * p * size + c;
    for (unsigned a = 0; a < p; a++, at += size) {
        Run<N> t = read<N>(x, at);
        REAL tangent = tangents[a * q + s];
        for (unsigned j = 0; j < N; j++)
            sum.of[j] += tangent * t.of[j];
    }
    write<N>(left, i, sum);
}

// A thread for `run` numbers of left.
KERNEL combine(unsigned n, IN(REAL) x, unsigned n_values, unsigned p, unsigned q, unsigned size, IN(REAL) values,
               IN(REAL) tangents, unsigned run, OUT(REAL) left) {
    THREAD(i, n);
    if (run == 1)
        combine_run<1>(i, x, n_values, p, q, size, values, tangents, left);
    else
        combine_run<LONGEST_RUN>(i, x, n_values, p, q, size, values, tangents, left);
}

// Sums over parts of the rows: column j of part k is partial[k, j]. Rows are `columns` numbers of gy, `channels` at a
// time, ld apart; each counts with its weight, of which there is one for `per_weight` rows, or one where per_weight is 0.
// A thread for each partial sum.
KERNEL column_sums(unsigned n, IN(REAL) gy, unsigned ld, unsigned channels, unsigned columns, unsigned rows,
                   unsigned rows_per_part, IN(REAL) weights, unsigned per_weight, OUT(REAL) partial) {
    THREAD(i, n);
    unsigned j = i % columns, begin = i / columns * rows_per_part;
    unsigned end = begin + rows_per_part < rows ? begin + rows_per_part : rows;
    unsigned positions = columns / channels;
    REAL sum = 0;
    READ_AHEAD
    for (unsigned r = begin; r < end; r++) {
        REAL g = gy[(r * positions + j / channels) * ld + j % channels];
        sum += per_weight > 0 ? weights[r / per_weight] * g : g;
    }
    partial[i] = sum;
}

// sum[j] += the sum of all parts. A thread for each column.
KERNEL add_parts(unsigned n, IN(REAL) partial, unsigned parts, OUT(REAL) sum) {
    THREAD(j, n);
    REAL total = 0;
    READ_AHEAD
    for (unsigned k = 0; k < parts; k++)
        total += partial[k * n + j];
    sum[j] = (REAL)sum[j] + total;
}
