// Windows over positions with channels: patches for matrix products, pools, and the way back.
//
// taps (n_outputs, n_taps): the input position of each tap, or OUTSIDE. The way back is a sum over the readers of each
// input position, in a fixed order: readers[first[position] .. first[position + 1]].

// patch[r, o, k, c] = x[r, tap(o, k), c], 0 beyond the edge.
template <unsigned N>
INLINE void gather_run(unsigned thread, IN(REAL) x, IN(unsigned) taps, unsigned n_window_numbers, unsigned channels,
                       unsigned size, OUT(REAL) patches) {
    unsigned i = thread * N, per_row = n_window_numbers * channels, at = i % per_row, tap = taps[at / channels];
    Run<N> run = {};
    if (tap != OUTSIDE)
        run = read<N>(x, i / per_row * size + tap * channels + at % channels);
    write<N>(patches, i, run);
}

// A thread for `run` channels of the patches.
KERNEL gather(unsigned n, IN(REAL) x, IN(unsigned) taps, unsigned n_window_numbers, unsigned channels, unsigned size,
              unsigned run, OUT(REAL) patches) {
    THREAD(i, n);
    if (run == 1)
        gather_run<1>(i, x, taps, n_window_numbers, channels, size, patches);
    else
        gather_run<LONGEST_RUN>(i, x, taps, n_window_numbers, channels, size, patches);
}

// gx[r, position, c] = sum over readers (o, k) of patch[r, o, k, c].
template <unsigned N>
INLINE void scatter_run(unsigned thread, IN(REAL) patches, IN(unsigned) first, IN(unsigned) readers,
                        unsigned n_window_numbers, unsigned channels, unsigned size, OUT(REAL) gx, unsigned add) {
    unsigned i = thread * N, at = i % size, position = at / channels;
    unsigned base = i / size * n_window_numbers * channels + at % channels;
    Run<N> sum = {};
    for (unsigned k = first[position]; k < first[position + 1]; k++) {
        Run<N> patch = read<N>(patches, base + readers[k] * channels);
        for (unsigned j = 0; j < N; j++)
            sum.of[j] += patch.of[j];
    }
    put_run<N>(gx, i, sum, add);
}

// A thread for `run` channels of gx.
KERNEL scatter(unsigned n, IN(REAL) patches, IN(unsigned) first, IN(unsigned) readers, unsigned n_window_numbers,
               unsigned channels, unsigned size, unsigned run, OUT(REAL) gx, unsigned add) {
    THREAD(i, n);
    if (run == 1)
        scatter_run<1>(i, patches, first, readers, n_window_numbers, channels, size, gx, add);
    else
        scatter_run<LONGEST_RUN>(i, patches, first, readers, n_window_numbers, channels, size, gx, add);
}

// Maxima of values, the first of equals, a NaN above all, and where in its row each was found. A thread for each.
KERNEL max_forward(unsigned n, IN(REAL) x, IN(unsigned) taps, unsigned n_outputs, unsigned n_taps, unsigned channels,
                   unsigned size, OUT(REAL) y, unsigned ld, OUT(unsigned) indices) {
    THREAD(i, n);
    unsigned c = i % channels, at_output = i / channels, o = at_output % n_outputs;
    unsigned base = at_output / n_outputs * size + c, found = OUTSIDE;
    REAL best = 0;
    for (unsigned k = 0; k < n_taps; k++) {
        unsigned tap = taps[o * n_taps + k];
        if (tap == OUTSIDE)
            continue;
        REAL v = x[base + tap * channels];
        if (found == OUTSIDE || v > best || (v != v && best == best)) {
            best = v;
            found = tap * channels + c;
        }
    }
    indices[i] = found;
    y[at_output * ld + c] = best;
}

// y[r, o, c] = x[r, where its value's maximum was found]. A thread for each.
KERNEL select(unsigned n, IN(REAL) x, IN(unsigned) indices, unsigned n_selected, unsigned channels, unsigned size,
              unsigned p, OUT(REAL) y, unsigned ld) {
    THREAD(i, n);
    unsigned r = i / n_selected;
    unsigned at = indices[r / p * n_selected + i % n_selected];
    y[i / channels * ld + i % channels] = x[r * size + at];
}

// gx[r, position, c] = sum of gy[r, o, c] over the outputs that chose it.
template <unsigned N>
INLINE void select_back_run(unsigned thread, IN(REAL) gy, unsigned ld, IN(unsigned) indices, IN(unsigned) first,
                            IN(unsigned) readers, unsigned n_outputs, unsigned channels, unsigned size, unsigned n_own,
                            unsigned per, OUT(REAL) gx, unsigned add) {
    unsigned i = thread * N, r = i / size, at = i % size, position = at / channels, c = at % channels;
    unsigned chosen = value_row(r, n_own, per) * n_outputs;
    Run<N> sum = {};
    for (unsigned k = first[position]; k < first[position + 1]; k++) {
        unsigned o = readers[k];
        for (unsigned j = 0; j < N; j++)
            if (indices[(chosen + o) * channels + c + j] == at + j)
                sum.of[j] += gy[(r * n_outputs + o) * ld + c + j];
    }
    put_run<N>(gx, i, sum, add);
}

// A thread for `run` channels of gx.
KERNEL select_back(unsigned n, IN(REAL) gy, unsigned ld, IN(unsigned) indices, IN(unsigned) first, IN(unsigned) readers,
                   unsigned n_outputs, unsigned channels, unsigned size, unsigned n_own, unsigned per, unsigned run,
                   OUT(REAL) gx, unsigned add) {
    THREAD(i, n);
    if (run == 1)
        select_back_run<1>(i, gy, ld, indices, first, readers, n_outputs, channels, size, n_own, per, gx, add);
    else
        select_back_run<LONGEST_RUN>(i, gy, ld, indices, first, readers, n_outputs, channels, size, n_own, per, gx, add);
}

// Means over the taps inside, of all rows; share (n_outputs) is one over their number. A thread for each.
KERNEL mean_forward(unsigned n, IN(REAL) x, IN(unsigned) taps, IN(REAL) share, unsigned n_outputs, unsigned n_taps,
                    unsigned channels, unsigned size, OUT(REAL) y, unsigned ld) {
    THREAD(i, n);
    unsigned c = i % channels, at_output = i / channels, o = at_output % n_outputs;
    unsigned base = at_output / n_outputs * size + c;
    REAL sum = 0, weight = share[o];
    for (unsigned k = 0; k < n_taps; k++) {
        unsigned tap = taps[o * n_taps + k];
        if (tap != OUTSIDE)
            sum += weight * x[base + tap * channels];
    }
    y[at_output * ld + c] = sum;
}

// gx[r, position, c] = sum over readers (o, k) of share[o] gy[r, o, c]. A thread for each number of gx.
KERNEL mean_back(unsigned n, IN(REAL) gy, unsigned ld, IN(unsigned) first, IN(unsigned) readers, IN(REAL) share,
                 unsigned n_outputs, unsigned n_taps, unsigned channels, unsigned size, OUT(REAL) gx, unsigned add) {
    THREAD(i, n);
    unsigned position = i % size / channels, c = i % channels;
    unsigned base = i / size * n_outputs;
    REAL sum = 0;
    for (unsigned j = first[position]; j < first[position + 1]; j++) {
        unsigned o = readers[j] / n_taps;
        sum += share[o] * gy[(base + o) * ld + c];
    }
    put(gx, i, sum, add);
}
