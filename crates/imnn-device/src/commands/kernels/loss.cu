// The loss and its gradient with respect to mean, covariance and mean derivative, in double precision: what imnn-stats
// works out on the host, formula by formula, refusals included. One thread does it; q is small.
//
// Template argument N: the size of the matrices where it is known to the compiler, which then keeps them in registers, or 0.

// Why there is no loss.
enum { FINE, COVARIANCE, FISHER, RANGE };

INLINE bool is_number(double v) { return v - v == 0; }

// The room for a matrix.
template <unsigned N> struct Room {
    static const unsigned SIDE = N > 0 ? N : MOST, ALL = SIDE * SIDE;
};

// A symmetric matrix a (n, n), scaled by powers of two to a diagonal near one: its Cholesky factor and inverse.
template <unsigned N> struct Positive {
    double scale[Room<N>::SIDE], lower[Room<N>::ALL], inverse[Room<N>::ALL];
};

template <unsigned N> INLINE double one_norm(const double *a, unsigned n) {
    n = N > 0 ? N : n;
    double most = 0;
    for (unsigned j = 0; j < n; j++) {
        double sum = 0;
        for (unsigned i = 0; i < n; i++)
            sum += fabs(a[i * n + j]);
        most = sum > most || sum != sum ? sum : most;
    }
    return most;
}

// Whether a is positive definite, and not too near to what is not.
template <unsigned N> INLINE bool factorise(const double *a, unsigned n, Positive<N> *to) {
    n = N > 0 ? N : n;
    double scaled[Room<N>::ALL], inverse_lower[Room<N>::ALL];
    for (unsigned i = 0; i < n; i++) {
        double diagonal = a[i * n + i];
        if (!(diagonal >= SMALLEST_DIAGONAL) || !is_number(diagonal))
            return false;
        to->scale[i] = exp2(round(0.5 * log2(diagonal)));
    }
    for (unsigned i = 0; i < n * n; i++)
        scaled[i] = a[i] / to->scale[i / n] / to->scale[i % n];
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j <= i; j++) {
            double sum = scaled[i * n + j];
            for (unsigned k = 0; k < j; k++)
                sum -= to->lower[i * n + k] * to->lower[j * n + k];
            if (i != j)
                to->lower[i * n + j] = sum / to->lower[j * n + j];
            else if (sum > 0)
                to->lower[i * n + i] = sqrt(sum);
            else
                return false;
        }
    for (unsigned j = 0; j < n; j++)
        for (unsigned i = j; i < n; i++) {
            double sum = i == j ? 1 : 0;
            for (unsigned k = j; k < i; k++)
                sum -= to->lower[i * n + k] * inverse_lower[k * n + j];
            inverse_lower[i * n + j] = sum / to->lower[i * n + i];
        }
    for (unsigned i = 0; i < n; i++)
        for (unsigned j = 0; j <= i; j++) {
            double sum = 0;
            for (unsigned k = i; k < n; k++)
                sum += inverse_lower[k * n + i] * inverse_lower[k * n + j];
            to->inverse[i * n + j] = to->inverse[j * n + i] = sum;
        }
    double condition = one_norm<N>(scaled, n) * one_norm<N>(to->inverse, n);
    if (!(condition <= LARGEST_CONDITION))
        return false;
    for (unsigned i = 0; i < n * n; i++) {
        to->inverse[i] = to->inverse[i] / to->scale[i / n] / to->scale[i % n];
        if (!is_number(to->inverse[i]))
            return false;
    }
    return true;
}

// to (m, n) = a (m, k) b (k, n).
template <unsigned N>
INLINE void multiply(const double *a, const double *b, unsigned m, unsigned k, unsigned n, double *to) {
    m = N > 0 ? N : m, k = N > 0 ? N : k, n = N > 0 ? N : n;
    for (unsigned i = 0; i < m; i++)
        for (unsigned j = 0; j < n; j++) {
            double sum = 0;
            for (unsigned l = 0; l < k; l++)
                sum += a[i * k + l] * b[l * n + j];
            to[i * n + j] = sum;
        }
}

// The norm of a - I, and (a - I) over it, or zeros.
template <unsigned N> INLINE double departure(const double *a, unsigned n, double *direction) {
    n = N > 0 ? N : n;
    double largest = 0, sum = 0;
    for (unsigned i = 0; i < n * n; i++) {
        direction[i] = a[i] - (i / n == i % n ? 1 : 0);
        largest = fabs(direction[i]) > largest ? fabs(direction[i]) : largest;
    }
    if (largest == 0)
        return 0;
    for (unsigned i = 0; i < n * n; i++) {
        direction[i] /= largest;
        sum += direction[i] * direction[i];
    }
    double norm = sqrt(sum);
    for (unsigned i = 0; i < n * n; i++)
        direction[i] /= norm;
    return largest * norm;
}

// r(l) and d(r l)/dl.
INLINE void strength(double l, double lambda, double alpha, double *r, double *slope) {
    double exponent = alpha * l, decay = exp(-fabs(exponent));
    if (exponent >= 0) {
        *r = lambda * (l / (l + decay));
    } else {
        double grown = l * decay;
        *r = lambda * (grown / (grown + 1));
    }
    double denominator = exponent >= 0 ? l + decay : l * decay + 1;
    double derivative = decay == 0 ? 0 : lambda * (decay / denominator) * ((1 + exponent) / denominator);
    *slope = *r + l * derivative;
}

template <unsigned N, class In, class Out, class Rows>
INLINE void evaluate(In mean, In totals, unsigned q, unsigned p, unsigned n_s, unsigned n_d, IN(double) settings,
                     IN(double) widths, unsigned sides, OUT(double) record, Out gradient, Rows tangent_rows) {
    q = N > 0 ? N : q, p = N > 0 ? N : p;
    const unsigned ALL = Room<N>::ALL;
    double c[ALL], f[ALL] = {}, d[ALL], weighted[ALL], g[ALL], direction[ALL], product[ALL] = {};
    Positive<N> covariance, fisher;
    double lambda = settings[0], alpha = settings[1], kappa = settings[2];
    record[RECORD_STATUS] = COVARIANCE;
    for (unsigned k = RECORD_STATUS + 1; k < RECORD_LEN; k++)
        record[k] = nan("");

    for (unsigned a = 0; a < q; a++) {
        gradient[a] = mean[a] + totals[a] / n_s;
        for (unsigned b = 0; b < q; b++) {
            double both = 0.5 * totals[q + a * q + b] + 0.5 * totals[q + b * q + a];
            c[a * q + b] = (both - totals[a] * totals[b] / n_s) / (n_s - 1);
        }
    }
    // A summary that is the same number everywhere varies by rounding alone.
    for (unsigned a = 0; a < q; a++)
        if (!(sqrt(c[a * q + a]) > 4 * 2.220446049250313e-16 * totals[q + q * q + a]))
            return;
    if (!factorise<N>(c, q, &covariance))
        return;

    // F = (L^-1 dmu)^T (L^-1 dmu), which cannot lose its sign to rounding.
    for (unsigned a = 0; a < p; a++)
        for (unsigned i = 0; i < q; i++) {
            double sum = mean[q + i * p + a] / covariance.scale[i];
            for (unsigned k = 0; k < i; k++)
                sum -= covariance.lower[i * q + k] * d[k * p + a];
            d[i * p + a] = sum / covariance.lower[i * q + i];
        }
    record[RECORD_STATUS] = FISHER;
    for (unsigned a = 0; a < p; a++)
        for (unsigned b = 0; b < p; b++) {
            double sum = 0;
            for (unsigned i = 0; i < q; i++)
                sum += d[i * p + a] * d[i * p + b];
            f[a * p + b] = sum;
        }
    if (!factorise<N>(f, p, &fisher))
        return;

    double log_det = 0, det_f = 1, det_c = 1, det_inverse = 1;
    for (unsigned a = 0; a < p; a++) {
        double pivot = fisher.lower[a * p + a], scale = fisher.scale[a];
        log_det += 2 * (log(pivot) + log(scale));
        det_f *= (pivot * scale) * (pivot * scale);
    }
    for (unsigned a = 0; a < q; a++) {
        double pivot = covariance.lower[a * q + a] * covariance.scale[a];
        det_c *= pivot * pivot;
        det_inverse *= 1 / (pivot * pivot);
    }

    // C^-1 dmu F^-1, and G_C.
    for (unsigned i = 0; i < q * p; i++)
        product[i] = mean[q + i];
    multiply<N>(covariance.inverse, product, q, q, p, d);
    multiply<N>(d, fisher.inverse, q, p, p, weighted);
    for (unsigned i = 0; i < q; i++)
        for (unsigned j = 0; j < q; j++) {
            double sum = 0;
            for (unsigned a = 0; a < p; a++)
                sum += weighted[i * p + a] * d[j * p + a];
            g[i * q + j] = sum;
        }
    double r, slope;
    double norm = departure<N>(c, q, direction), lambda2 = norm + departure<N>(covariance.inverse, q, product);
    strength(lambda2, lambda, alpha, &r, &slope);
    for (unsigned i = 0; i < q * q && kappa != 0; i++)
        g[i] += 2 * kappa * norm * direction[i];
    if (slope != 0) {
        // dL2/dC = (C - I) / |C - I| - C^-1 (C^-1 - I) C^-1 / |C^-1 - I|
        for (unsigned i = 0; i < q * q; i++)
            g[i] += slope * direction[i];
        multiply<N>(covariance.inverse, product, q, q, q, direction);
        multiply<N>(direction, covariance.inverse, q, q, q, product);
        for (unsigned i = 0; i < q * q; i++)
            g[i] -= slope * product[i];
    }
    double value = -log_det + r * lambda2 + kappa * norm * norm;
    record[RECORD_STATUS] = RANGE;
    bool all_finite = is_number(value);
    for (unsigned i = 0; i < q; i++)
        for (unsigned j = 0; j < q; j++) {
            double both = (0.5 * g[i * q + j] + 0.5 * g[j * q + i]) * (2.0 / (n_s - 1.0));
            all_finite = all_finite && is_number(both);
            gradient[q + i * q + j] = both;
        }
    for (unsigned i = 0; i < q; i++)
        for (unsigned a = 0; a < p; a++) {
            double each = weighted[i * p + a] * (-2.0 / n_d);
            all_finite = all_finite && is_number(each);
            if (sides == 1) {
                tangent_rows[a * q + i] = (REAL)each;
            } else {
                tangent_rows[a * q + i] = (REAL)(each * (-1.0 / widths[a]));
                tangent_rows[(p + a) * q + i] = (REAL)(each * (1.0 / widths[a]));
            }
        }
    if (!all_finite)
        return;
    record[RECORD_STATUS] = FINE;
    record[RECORD_DETF] = det_f;
    record[RECORD_DETC] = det_c;
    record[RECORD_DETINVC] = det_inverse;
    record[RECORD_LAMBDA2] = lambda2;
    record[RECORD_R] = r + kappa;
    record[RECORD_LNDETF] = log_det;
}

// From the means (q, then q p) and the second totals (q, q q, q):
// record: the status and the columns of the history (RECORD_..., from imnn-stats); these are NaN where there is no loss.
// gradient: mu (q), 2 / (n_s - 1) G_C (q, q). tangent_rows: what all simulations with derivatives get, for tangents (p, q), for
// those below and above (2, p, q).
KERNEL loss(unsigned n, IN(double) mean, IN(double) totals, unsigned q, unsigned p, unsigned n_s, unsigned n_d,
            IN(double) settings, IN(double) widths, unsigned sides, OUT(double) record, OUT(double) gradient,
            OUT(REAL) tangent_rows) {
    THREAD(thread, n);
    evaluate<0>(mean, totals, q, p, n_s, n_d, settings, widths, sides, record, gradient, tangent_rows);
}

#define MOST_PARTS (WHOLE_SUMMARIES * (WHOLE_SUMMARIES + 2))
static_assert(WHOLE_SUMMARIES == 3, "whole_loss has a case for each number of summaries");

// The sum of two numbers, or the larger one, or NaN.
INLINE double both(double one, double other, bool sum) {
    return sum ? one + other : other > one || other != other ? other : one;
}

// Of each column of parts (columns, BLOCK) the sum, or for those from n_sums on the largest.
INLINE void add_up(SHARED(double) parts, unsigned columns, unsigned n_sums, SHARED(double) to) {
    const unsigned LANES = 32;
    PHASE {
        for (unsigned i = threadIdx.x; i < columns * LANES; i += BLOCK) {
            unsigned column = i / LANES * BLOCK + i % LANES;
            double total = parts[column];
            UNROLL for (unsigned k = LANES; k < BLOCK; k += LANES)
                total = both(total, parts[column + k], i / LANES < n_sums);
            parts[column] = total;
        }
    }
    PHASE {
        if (threadIdx.x < columns) {
            double total = parts[threadIdx.x * BLOCK];
            UNROLL for (unsigned k = 1; k < LANES; k++)
                total = both(total, parts[threadIdx.x * BLOCK + k], threadIdx.x < n_sums);
            to[threadIdx.x] = total;
        }
    }
}

// All of it for one batch with as many summaries as parameters, N, by one block: moments, loss and cotangents. The summaries x
// lie as in the kernels of moments.cu, with `beside` rows of each simulation behind the values; of the cotangents there are n_to.
template <unsigned N>
INLINE void whole(IN(REAL) x, unsigned rows, unsigned beside, IN(double) settings, IN(double) widths, OUT(double) record,
                  OUT(REAL) to, unsigned n_to, OUT(REAL) tangent_rows, SHARED(double) parts) {
    const unsigned FIRST = N + N * N, SECOND = N * (N + 2), SIDES = 2 * N * N;
    static_assert(FIRST <= MOST_PARTS && SECOND <= MOST_PARTS, "there is room for all sums");
    SHARES(double, mean, FIRST);
    SHARES(double, totals, SECOND);
    SHARES(double, gradient, FIRST);
    SHARES(REAL, rows_beside, SIDES);
    PHASE {
        double sums[FIRST] = {};
        for (unsigned r = threadIdx.x; r < rows; r += BLOCK) {
            for (unsigned s = 0; s < N; s++)
                sums[s] += x[r * N + s];
            for (unsigned s = 0; s < N && beside > 0; s++)
                for (unsigned a = 0; a < N; a++) {
                    unsigned at = rows * N + (r * beside + a) * N + s;
                    if (beside == N)
                        sums[N + s * N + a] += x[at];
                    else
                        sums[N + s * N + a] += ((double)x[at + N * N] - (double)x[at]) / widths[a];
                }
        }
        for (unsigned j = 0; j < FIRST; j++)
            parts[j * BLOCK + threadIdx.x] = sums[j];
    }
    add_up(parts, FIRST, FIRST, mean);
    PHASE {
        if (threadIdx.x < FIRST)
            mean[threadIdx.x] = mean[threadIdx.x] / rows;
    }
    PHASE {
        double sums[SECOND] = {};
        for (unsigned r = threadIdx.x; r < rows; r += BLOCK)
            for (unsigned a = 0; a < N; a++) {
                double value = x[r * N + a], size = fabs(value), y = value - mean[a];
                sums[a] += y;
                for (unsigned b = 0; b < N; b++)
                    sums[N + a * N + b] += y * ((double)x[r * N + b] - mean[b]);
                double most = sums[N + N * N + a];
                sums[N + N * N + a] = size > most || size != size ? size : most;
            }
        for (unsigned j = 0; j < SECOND; j++)
            parts[j * BLOCK + threadIdx.x] = sums[j];
    }
    add_up(parts, SECOND, N + N * N, totals);
    PHASE {
        if (threadIdx.x < FIRST)
            gradient[threadIdx.x] = 0;
        if (threadIdx.x < SIDES)
            rows_beside[threadIdx.x] = 0;
    }
    PHASE {
        if (threadIdx.x == 0) {
            unsigned sides = beside == N ? 1 : 2;
            evaluate<N>(mean, totals, N, N, rows, rows, settings, widths, sides, record, gradient, rows_beside);
        }
    }
    PHASE {
        if (threadIdx.x < (beside == N ? N * N : SIDES))
            tangent_rows[threadIdx.x] = rows_beside[threadIdx.x];
        for (unsigned i = threadIdx.x; i < n_to; i += BLOCK) {
            double sum = 0;
            for (unsigned a = 0; a < N && i < rows * N; a++)
                sum += gradient[N + a * N + i % N] * ((double)x[i / N * N + a] - gradient[a]);
            to[i] = i < rows * N ? (REAL)sum : (REAL)rows_beside[(i - rows * N) % (beside * N)];
        }
    }
}

// See `whole`. One block.
KERNEL whole_loss(unsigned, IN(REAL) x, unsigned rows, unsigned beside, unsigned q, IN(double) settings,
                  IN(double) widths, OUT(double) record, OUT(REAL) to, unsigned n_to, OUT(REAL) tangent_rows) {
    TOGETHER;
    SHARES(double, parts, BLOCK * MOST_PARTS);
    switch (q) {
    case 1:
        return whole<1>(x, rows, beside, settings, widths, record, to, n_to, tangent_rows, parts);
    case 2:
        return whole<2>(x, rows, beside, settings, widths, record, to, n_to, tangent_rows, parts);
    case 3:
        return whole<3>(x, rows, beside, settings, widths, record, to, n_to, tangent_rows, parts);
    }
}
