// Simulators: what imnn-sim's built-in ones make of normal numbers, for the simulations at the fiducial and what lies
// beside each of them (derivatives, or simulations below and above).

// For d = a + b z: values and `beside` further blocks of each row, with (a, b) of each. A thread for each number z.
KERNEL simulate_affine(unsigned n, IN(REAL) noise, unsigned len, IN(double) maps, unsigned n_beside, OUT(REAL) values,
                       OUT(REAL) beside) {
    THREAD(i, n);
    const double z = noise[i];
    values[i] = (REAL)(maps[0] + maps[1] * z);
    for (unsigned k = 0; k < n_beside; k++)
        beside[(i / len * n_beside + k) * len + i % len] = (REAL)(maps[2 * k + 2] + maps[2 * k + 3] * z);
}

// For d = a z + (b + c s) x, where s is the last number of a row of noise if there is one more than x: the same, with
// (a, b, c) of each block. A thread for each number of the values.
KERNEL simulate_line(unsigned n, IN(REAL) noise, unsigned len_noise, IN(double) x, unsigned len, IN(double) maps,
                     unsigned n_beside, OUT(REAL) values, OUT(REAL) beside) {
    THREAD(i, n);
    const unsigned row = i / len, j = i % len;
    const double z = noise[row * len_noise + j], s = len_noise > len ? noise[row * len_noise + len] : (REAL)0;
    for (unsigned k = 0; k <= n_beside; k++) {
        const REAL d = (REAL)(maps[3 * k] * z + (maps[3 * k + 1] + maps[3 * k + 2] * s) * x[j]);
        if (k == 0)
            values[i] = d;
        else
            beside[(row * n_beside + k - 1) * len + j] = d;
    }
}

// Modes (side, rows, side) times a filter (side, side). A thread for each number.
KERNEL filter_modes(unsigned n, IN(REAL) modes, unsigned rows, unsigned side, IN(REAL) filter, OUT(REAL) to) {
    THREAD(i, n);
    to[i] = modes[i] * filter[i / (rows * side) * side + i % side];
}

// Fields (side, rows, side) times a factor, each to its place, which are `apart` numbers apart. A thread for each number.
KERNEL place_fields(unsigned n, IN(REAL) fields, unsigned rows, unsigned side, IN(double) factor, unsigned apart,
                    OUT(REAL) to) {
    THREAD(i, n);
    const unsigned row = i / (side * side), pixel = i % (side * side);
    to[row * apart + pixel] = (REAL)(factor[0] * fields[(pixel / side * rows + row) * side + pixel % side]);
}
