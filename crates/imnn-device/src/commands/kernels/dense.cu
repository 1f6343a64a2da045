// Networks of dense layers alone: a kernel for product, bias and activation of a layer, and one for each way back. The parts
// of a small layer take less time than to start a kernel for each.
//
// A block makes a tile of a product from tiles of its factors in shared memory, and each of its threads 4 x 2 numbers. Rows
// are values (n), then their p tangents each (n, p).

// Of the factors of a tile at a time; their rows are padded, against conflicts of banks.
#define DEPTH (unsigned)(128 / sizeof(REAL))
#define LEFT (ROWS + 4)
#define RIGHT (COLUMNS + 2)
// Tangents that are read together.
#define MOST_AT_ONCE 2
static_assert(BLOCK * 8 == ROWS * COLUMNS, "each thread makes eight numbers of a tile");

// sums[2 i + j] of a thread: row 4 (thread / 32) + i and column 2 (thread % 32) + j of the tile.
INLINE unsigned sum_row() { return threadIdx.x / 32 * 4; }
INLINE unsigned sum_column() { return threadIdx.x % 32 * 2; }

// A tile of a factor, read by all threads: what one of them reads is on its way before any of it is put to its place, which is
// to[l * LD + edge]. `edge` is the side of the tile along which numbers lie side by side in memory where ADJACENT, else l is.
template <bool ADJACENT, unsigned EDGE, unsigned LD> struct Tile {
    REAL numbers[DEPTH * EDGE / BLOCK];

    template <class F> INLINE_METHOD void read(unsigned start, unsigned depth, F f) {
        UNROLL for (unsigned k = 0; k < DEPTH * EDGE / BLOCK; k++) {
            unsigned i = threadIdx.x + k * BLOCK;
            unsigned edge = ADJACENT ? i % EDGE : i / DEPTH, l = start + (ADJACENT ? i / EDGE : i % DEPTH);
            // Beyond the depth the last number stands for nothing.
            REAL value = f(edge, l < depth ? l : depth - 1);
            numbers[k] = l < depth ? value : (REAL)0;
        }
    }

    INLINE_METHOD void put(SHARED(REAL) to) {
        UNROLL for (unsigned k = 0; k < DEPTH * EDGE / BLOCK; k++) {
            unsigned i = threadIdx.x + k * BLOCK;
            to[(ADJACENT ? i / EDGE : i % DEPTH) * LD + (ADJACENT ? i % EDGE : i / DEPTH)] = numbers[k];
        }
    }
};

// Sums over l < depth of a(row, l) b(l, column). In memory, the rows of a or else its l lie side by side, and the columns of b
// or else its l. Neither has branches: a number outside is read from a place inside, and made zero.
template <bool ROWS_ADJACENT, bool COLUMNS_ADJACENT, class A, class B>
INLINE void multiply_tile(unsigned depth, A a, B b, REAL (*sums)[8]) {
    SHARES(REAL, left, DEPTH * LEFT);
    SHARES(REAL, right, DEPTH * RIGHT);
    PHASE {
        for (unsigned i = 0; i < 8; i++)
            sums[ME][i] = 0;
    }
    for (unsigned start = 0; start < depth; start += DEPTH) {
        PHASE {
            Tile<ROWS_ADJACENT, ROWS, LEFT> rows;
            Tile<COLUMNS_ADJACENT, COLUMNS, RIGHT> columns;
            rows.read(start, depth, a);
            columns.read(start, depth, [&](unsigned c, unsigned l) { return b(l, c); });
            rows.put(left);
            columns.put(right);
        }
        PHASE {
            for (unsigned l = 0; l < DEPTH; l++)
                for (unsigned i = 0; i < 4; i++)
                    for (unsigned j = 0; j < 2; j++)
                        sums[ME][2 * i + j] += left[l * LEFT + sum_row() + i] * right[l * RIGHT + sum_column() + j];
        }
    }
}

// The tile of this block: some columns of whole simulations, as many as there is room for, each with its values and tangents.
struct Simulations {
    unsigned n, p, first, count, column;
};

INLINE Simulations simulations_of(unsigned n, unsigned p, unsigned columns) {
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, most = ROWS / (1 + p), first = blockIdx.x / tiles * most;
    return {n, p, first, n - first < most ? n - first : most, blockIdx.x % tiles * COLUMNS};
}

// The row of all rows that row r of the tile is, or OUTSIDE.
INLINE unsigned row_of(Simulations s, unsigned r) {
    unsigned simulation = r / (1 + s.p), which = r % (1 + s.p);
    if (simulation >= s.count)
        return OUTSIDE;
    return which == 0 ? s.first + simulation : s.n + (s.first + simulation) * s.p + which - 1;
}

// w[l, c] of w (depth, columns), or of its transpose; zero beyond the columns.
template <bool TRANSPOSED>
INLINE REAL weight_at(IN(REAL) w, unsigned depth, unsigned columns, unsigned l, unsigned c) {
    unsigned inside = c < columns ? c : columns - 1;
    REAL value = TRANSPOSED ? w[inside * depth + l] : w[l * columns + inside];
    return c < columns ? value : (REAL)0;
}

// `product` (ROWS, COLUMNS): the tile of the product of x (rows, depth) and columns of w (depth, columns), or of its transpose.
template <bool TRANSPOSED>
INLINE void multiply_simulations(Simulations s, IN(REAL) x, unsigned depth, IN(REAL) w, unsigned columns,
                                 SHARED(REAL) product) {
    OWNS(REAL, sums, 8);
    auto a = [&](unsigned r, unsigned l) -> REAL {
        unsigned row = row_of(s, r);
        REAL value = x[(row == OUTSIDE ? 0 : row) * depth + l];
        return row == OUTSIDE ? (REAL)0 : value;
    };
    auto b = [&](unsigned l, unsigned c) -> REAL { return weight_at<TRANSPOSED>(w, depth, columns, l, s.column + c); };
    multiply_tile<false, !TRANSPOSED>(depth, a, b, sums);
    PHASE {
        for (unsigned i = 0; i < 4; i++)
            for (unsigned j = 0; j < 2; j++)
                product[(sum_row() + i) * COLUMNS + sum_column() + j] = sums[ME][2 * i + j];
    }
}

// y = f(v), t' = f'(v) t with v = x w + bias, t = t w; f may be none of the activations, for none. Blocks: simulations, columns.
KERNEL dense_forward(unsigned, IN(REAL) x, unsigned depth, IN(REAL) w, IN(REAL) bias, unsigned columns, unsigned n,
                     unsigned p, unsigned f, OUT(REAL) y) {
    TOGETHER;
    SHARES(REAL, product, ROWS * COLUMNS);
    Simulations s = simulations_of(n, p, columns);
    multiply_simulations<false>(s, x, depth, w, columns, product);
    const unsigned column = s.column;
    PHASE {
        for (unsigned i = threadIdx.x; i < s.count * COLUMNS; i += BLOCK) {
            unsigned c = i % COLUMNS, r = i / COLUMNS * (1 + p);
            if (column + c >= columns)
                continue;
            REAL value = kink(f, product[r * COLUMNS + c] + bias[column + c]), slope = kink_slope(f, value);
            y[row_of(s, r) * columns + column + c] = value;
            for (unsigned a = 1; a <= p; a++)
                y[row_of(s, r + a) * columns + column + c] = slope * product[(r + a) * COLUMNS + c];
        }
    }
}

// The same with a smooth activation, which keeps v and t.
KERNEL dense_smooth_forward(unsigned, IN(REAL) x, unsigned depth, IN(REAL) w, IN(REAL) bias, unsigned columns, unsigned n,
                            unsigned p, unsigned f, OUT(REAL) v, OUT(REAL) y) {
    TOGETHER;
    SHARES(REAL, product, ROWS * COLUMNS);
    Simulations s = simulations_of(n, p, columns);
    multiply_simulations<false>(s, x, depth, w, columns, product);
    const unsigned column = s.column;
    PHASE {
        for (unsigned i = threadIdx.x; i < s.count * COLUMNS; i += BLOCK) {
            unsigned c = i % COLUMNS, r = i / COLUMNS * (1 + p), at = row_of(s, r) * columns + column + c;
            if (column + c >= columns)
                continue;
            REAL value = product[r * COLUMNS + c] + bias[column + c];
            Derivatives d = smooth(f, value);
            v[at] = value;
            y[at] = d.value;
            for (unsigned a = 1; a <= p; a++) {
                at = row_of(s, r + a) * columns + column + c;
                REAL tangent = product[(r + a) * COLUMNS + c];
                v[at] = tangent;
                y[at] = d.slope * tangent;
            }
        }
    }
}

// The cotangents of what comes before an activation: those behind the layer after it, g (rows, depth), times w^T, times the
// slope that y tells; w (columns, depth) maps columns to depth. Blocks: rows, columns.
KERNEL dense_backward(unsigned, IN(REAL) g, unsigned depth, unsigned rows, IN(REAL) w, unsigned columns, unsigned f,
                      IN(REAL) y, unsigned n_own, unsigned per, OUT(REAL) gx) {
    TOGETHER;
    OWNS(REAL, sums, 8);
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, column = blockIdx.x % tiles * COLUMNS;
    unsigned first = blockIdx.x / tiles * ROWS;
    auto a = [&](unsigned r, unsigned l) -> REAL {
        REAL value = g[(first + r < rows ? first + r : rows - 1) * depth + l];
        return first + r < rows ? value : (REAL)0;
    };
    auto b = [&](unsigned l, unsigned c) -> REAL { return weight_at<true>(w, depth, columns, l, column + c); };
    multiply_tile<false, false>(depth, a, b, sums);
    PHASE {
        // The sign of y tells the slope.
        REAL above = kink_slope(f, 1), at_zero = kink_slope(f, 0), below = kink_slope(f, -1);
        REAL slopes[8];
        UNROLL for (unsigned k = 0; k < 8; k++) {
            unsigned row = first + sum_row() + k / 2, c = column + sum_column() + k % 2;
            REAL sign = y[value_row(row < rows ? row : rows - 1, n_own, per) * columns + (c < columns ? c : columns - 1)];
            slopes[k] = sign > 0 ? above : sign < 0 ? below : at_zero;
        }
        UNROLL for (unsigned k = 0; k < 8; k++) {
            unsigned row = first + sum_row() + k / 2, c = column + sum_column() + k % 2;
            if (row < rows && c < columns)
                gx[row * columns + c] = sums[ME][k] * slopes[k];
        }
    }
}

// The same with a smooth activation: x are the numbers before it. Blocks: simulations, columns.
KERNEL dense_smooth_backward(unsigned, IN(REAL) g, unsigned depth, IN(REAL) w, unsigned columns, unsigned n, unsigned p,
                             unsigned f, IN(REAL) x, OUT(REAL) gx) {
    TOGETHER;
    SHARES(REAL, product, ROWS * COLUMNS);
    Simulations s = simulations_of(n, p, columns);
    multiply_simulations<true>(s, g, depth, w, columns, product);
    const unsigned column = s.column;
    PHASE {
        for (unsigned i = threadIdx.x; i < s.count * COLUMNS; i += BLOCK) {
            unsigned c = i % COLUMNS, r = i / COLUMNS * (1 + p), at = row_of(s, r) * columns + column + c;
            if (column + c >= columns)
                continue;
            Derivatives d = smooth(f, x[at]);
            REAL sum = 0;
            for (unsigned a = 1; a <= p; a++) {
                unsigned tangent = row_of(s, r + a) * columns + column + c;
                REAL cotangent = product[(r + a) * COLUMNS + c];
                sum += x[tangent] * cotangent;
                gx[tangent] = d.slope * cotangent;
            }
            gx[at] = d.slope * product[r * COLUMNS + c] + d.curvature * sum;
        }
    }
}

// Parts of the gradient of w (depth, columns) and, in the row behind it, of the bias: sums over rows_per_part of the rows of
// x^T g. With q = 0 rows are those of x; else there are q to each simulation, of x combined with the cotangents of the summaries
// as in `combine`. Parts lie `stride` apart. Blocks: parts, rows of w and the bias, columns.
KERNEL dense_gradient(unsigned, IN(REAL) x, unsigned depth, unsigned n, unsigned p, unsigned q, IN(REAL) values,
                      IN(REAL) tangents, IN(REAL) g, unsigned columns, unsigned rows, unsigned rows_per_part,
                      OUT(REAL) partial, unsigned stride) {
    TOGETHER;
    OWNS(REAL, sums, 8);
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, bands = (depth + ROWS) / ROWS;
    unsigned column = blockIdx.x % tiles * COLUMNS, first = blockIdx.x / tiles % bands * ROWS;
    unsigned part = blockIdx.x / tiles / bands, begin = part * rows_per_part;
    unsigned len = rows - begin < rows_per_part ? rows - begin : rows_per_part;
    // The row behind those of w is that of the bias.
    auto a = [&](unsigned r, unsigned l) -> REAL {
        unsigned feature = first + r, row = begin + l, at = feature < depth ? feature : 0;
        REAL bias, value;
        if (q == 0) {
            bias = row < n ? 1 : 0;
            value = x[row * depth + at];
        } else {
            unsigned simulation = row / q;
            bias = values[row];
            value = bias * x[simulation * depth + at];
            UNROLL for (unsigned t = 0; t < MOST_AT_ONCE; t++)
                value += t < p ? tangents[t * q + row % q] * x[(n + simulation * p + t) * depth + at] : (REAL)0;
            for (unsigned t = MOST_AT_ONCE; t < p; t++)
                value += tangents[t * q + row % q] * x[(n + simulation * p + t) * depth + at];
        }
        return feature < depth ? value : feature == depth ? bias : (REAL)0;
    };
    auto b = [&](unsigned l, unsigned c) -> REAL { return weight_at<false>(g, rows, columns, begin + l, column + c); };
    multiply_tile<true, true>(len, a, b, sums);
    PHASE {
        for (unsigned i = 0; i < 4; i++)
            for (unsigned j = 0; j < 2; j++) {
                unsigned feature = first + sum_row() + i, c = column + sum_column() + j;
                if (feature <= depth && c < columns)
                    partial[part * stride + feature * columns + c] = sums[ME][2 * i + j];
            }
    }
}
