// Networks of dense layers alone: a kernel for product, bias and activation of a layer, and one for each way back. The parts
// of a small layer take less time than to start a kernel for each.
//
// A block makes a tile of a product from tiles of its factors in shared memory, and each of its threads 4 x 2 numbers. Rows
// are values (n), then their p tangents each (n, p).

#define ROWS 32u
#define COLUMNS 64u
// Of the factors at a time; their rows are padded, against conflicts of banks.
#define DEPTH (unsigned)(128 / sizeof(REAL))
#define LEFT (ROWS + 4)
#define RIGHT (COLUMNS + 2)
static_assert(BLOCK * 8 == ROWS * COLUMNS, "each thread makes eight numbers of a tile");

// sums[2 i + j] of a thread: row 4 (thread / 32) + i and column 2 (thread % 32) + j of the tile.
INLINE unsigned sum_row() { return threadIdx.x / 32 * 4; }
INLINE unsigned sum_column() { return threadIdx.x % 32 * 2; }

// Sums over l < depth of a(row, l) b(l, column). In memory, the rows of a or else its l lie side by side, and the columns of b
// or else its l: neighbouring threads read neighbours.
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
            for (unsigned i = threadIdx.x; i < DEPTH * ROWS; i += BLOCK) {
                unsigned r = ROWS_ADJACENT ? i % ROWS : i / DEPTH, l = ROWS_ADJACENT ? i / ROWS : i % DEPTH;
                left[l * LEFT + r] = start + l < depth ? a(r, start + l) : (REAL)0;
            }
            for (unsigned i = threadIdx.x; i < DEPTH * COLUMNS; i += BLOCK) {
                unsigned c = COLUMNS_ADJACENT ? i % COLUMNS : i / DEPTH, l = COLUMNS_ADJACENT ? i / COLUMNS : i % DEPTH;
                right[l * RIGHT + c] = start + l < depth ? b(start + l, c) : (REAL)0;
            }
        }
        PHASE {
            for (unsigned l = 0; l < DEPTH; l++)
                for (unsigned i = 0; i < 4; i++)
                    for (unsigned j = 0; j < 2; j++)
                        sums[ME][2 * i + j] += left[l * LEFT + sum_row() + i] * right[l * RIGHT + sum_column() + j];
        }
    }
}

// A tile of whole simulations: as many as there is room for, each with its values and its tangents.
struct Simulations {
    unsigned n, p, first, count;
};

INLINE Simulations simulations_of(unsigned n, unsigned p, unsigned tile) {
    unsigned most = ROWS / (1 + p), first = tile * most;
    return {n, p, first, n - first < most ? n - first : most};
}

// The row of all rows that row r of the tile is, or OUTSIDE.
INLINE unsigned row_of(Simulations s, unsigned r) {
    unsigned simulation = r / (1 + s.p), which = r % (1 + s.p);
    if (simulation >= s.count)
        return OUTSIDE;
    return which == 0 ? s.first + simulation : s.n + (s.first + simulation) * s.p + which - 1;
}

// `product` (ROWS, COLUMNS): the tile of the product of x (rows, depth) and columns of w (depth, columns), or of its transpose.
template <bool TRANSPOSED>
INLINE void multiply_simulations(Simulations s, IN(REAL) x, unsigned depth, IN(REAL) w, unsigned columns, unsigned column,
                                 REAL *product) {
    OWNS(REAL, sums, 8);
    auto a = [&](unsigned r, unsigned l) -> REAL {
        unsigned row = row_of(s, r);
        return row == OUTSIDE ? (REAL)0 : x[row * depth + l];
    };
    auto b = [&](unsigned l, unsigned c) -> REAL {
        if (column + c >= columns)
            return 0;
        return TRANSPOSED ? w[(column + c) * depth + l] : w[l * columns + column + c];
    };
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
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, column = blockIdx.x % tiles * COLUMNS;
    Simulations s = simulations_of(n, p, blockIdx.x / tiles);
    multiply_simulations<false>(s, x, depth, w, columns, column, product);
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
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, column = blockIdx.x % tiles * COLUMNS;
    Simulations s = simulations_of(n, p, blockIdx.x / tiles);
    multiply_simulations<false>(s, x, depth, w, columns, column, product);
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
    auto a = [&](unsigned r, unsigned l) -> REAL { return first + r < rows ? g[(first + r) * depth + l] : (REAL)0; };
    auto b = [&](unsigned l, unsigned c) -> REAL { return column + c < columns ? w[(column + c) * depth + l] : (REAL)0; };
    multiply_tile<false, false>(depth, a, b, sums);
    PHASE {
        for (unsigned i = 0; i < 4; i++)
            for (unsigned j = 0; j < 2; j++) {
                unsigned row = first + sum_row() + i, c = column + sum_column() + j;
                if (row < rows && c < columns)
                    gx[row * columns + c] = sums[ME][2 * i + j] * kink_slope(f, y[value_row(row, n_own, per) * columns + c]);
            }
    }
}

// The same with a smooth activation: x are the numbers before it. Blocks: simulations, columns.
KERNEL dense_smooth_backward(unsigned, IN(REAL) g, unsigned depth, IN(REAL) w, unsigned columns, unsigned n, unsigned p,
                             unsigned f, IN(REAL) x, OUT(REAL) gx) {
    TOGETHER;
    SHARES(REAL, product, ROWS * COLUMNS);
    unsigned tiles = (columns + COLUMNS - 1) / COLUMNS, column = blockIdx.x % tiles * COLUMNS;
    Simulations s = simulations_of(n, p, blockIdx.x / tiles);
    multiply_simulations<true>(s, g, depth, w, columns, column, product);
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
    auto a = [&](unsigned r, unsigned l) -> REAL {
        unsigned feature = first + r, row = begin + l;
        if (feature > depth)
            return 0;
        if (q == 0)
            return feature < depth ? (REAL)x[row * depth + feature] : (REAL)(row < n ? 1 : 0);
        REAL value = values[row];
        if (feature == depth)
            return value;
        unsigned simulation = row / q, at = (n + simulation * p) * depth + feature;
        REAL sum = value * x[simulation * depth + feature];
        for (unsigned t = 0; t < p; t++, at += depth)
            sum += tangents[t * q + row % q] * x[at];
        return sum;
    };
    auto b = [&](unsigned l, unsigned c) -> REAL { return column + c < columns ? g[(begin + l) * columns + column + c] : (REAL)0; };
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
