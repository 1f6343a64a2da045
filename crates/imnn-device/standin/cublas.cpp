// A stand-in for cuBLAS: matrix products on the stand-in's cards, with plain loops and every matrix checked.

#include "standin.hpp"
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <set>
#include <vector>

enum {
    SUCCESS = 0,
    NOT_INITIALIZED = 1,
    ALLOC_FAILED = 3,
    INVALID_VALUE = 7,
    EXECUTION_FAILED = 13,
    INTERNAL_ERROR = 14,
    NOT_SUPPORTED = 15,
};
enum { FLOAT = 0, DOUBLE = 1 };

struct Handle {
    const void *context;
    void *stream = nullptr;
    uint64_t workspace = 0;
    size_t bytes = 0;
    bool on_device = false;
};

static std::recursive_mutex lock;
typedef std::lock_guard<std::recursive_mutex> Guard;
static std::set<Handle *> handles;

static int failed(const char *function, int status, const std::string &why) {
    fprintf(stderr, "stand-in: %s: status %d: %s\n", function, status, why.c_str());
    return status;
}

// A living handle whose context is current.
static int check(const char *function, void *handle, Handle *&own) {
    auto found = handles.find(static_cast<Handle *>(handle));
    if (found == handles.end())
        return failed(function, NOT_INITIALIZED, "no such handle, or destroyed before");
    own = *found;
    if (standin::current() != own->context)
        return failed(function, EXECUTION_FAILED, "the context of the handle is not current");
    return SUCCESS;
}

#define CHECK(call)                                                                                                     \
    if (int checked = (call); checked != SUCCESS)                                                                       \
    return checked

API int cublasCreate_v2(void **handle) {
    Guard guard(lock);
    if (standin::injected("cublasCreate"))
        return failed("cublasCreate", ALLOC_FAILED, "as the test wants it");
    const void *context = standin::current();
    if (!context)
        return failed("cublasCreate", NOT_INITIALIZED, "no context is current");
    if (int result = standin::synchronise("cublasCreate"))
        return failed("cublasCreate", NOT_INITIALIZED, "the driver answers " + std::to_string(result));
    Handle *made = new Handle;
    made->context = context;
    handles.insert(made);
    standin::count(context, 1);
    *handle = made;
    return SUCCESS;
}

API int cublasDestroy_v2(void *handle) {
    Guard guard(lock);
    Handle *own;
    CHECK(check("cublasDestroy", handle, own));
    handles.erase(own);
    standin::count(own->context, -1);
    delete own;
    // As the real one does.
    int result = standin::synchronise("cublasDestroy");
    return result == 0 ? SUCCESS
                       : failed("cublasDestroy", EXECUTION_FAILED, "the driver answers " + std::to_string(result));
}

API int cublasGetVersion_v2(void *, int *version) {
    *version = 130000;
    return SUCCESS;
}

API int cublasGetProperty(int type, int *value) {
    *value = type == 0 ? 13 : 0;
    return SUCCESS;
}

API int cublasSetStream_v2(void *handle, void *stream) {
    Guard guard(lock);
    Handle *own;
    CHECK(check("cublasSetStream", handle, own));
    if (standin::injected("cublasSetStream"))
        return failed("cublasSetStream", INTERNAL_ERROR, "as the test wants it");
    if (standin::context_of(stream) != own->context)
        return failed("cublasSetStream", INVALID_VALUE, "no stream of the context of the handle");
    own->stream = stream;
    // As the real one does: a workspace has to be given again.
    own->workspace = own->bytes = 0;
    return SUCCESS;
}

API int cublasSetWorkspace_v2(void *handle, void *workspace, size_t bytes) {
    Guard guard(lock);
    Handle *own;
    CHECK(check("cublasSetWorkspace", handle, own));
    if (standin::injected("cublasSetWorkspace"))
        return failed("cublasSetWorkspace", INTERNAL_ERROR, "as the test wants it");
    if ((uint64_t)workspace % 256 != 0)
        return failed("cublasSetWorkspace", INVALID_VALUE, "the workspace is not aligned to 256 bytes");
    standin::memory((uint64_t)workspace, bytes, "cublasSetWorkspace");
    own->workspace = (uint64_t)workspace;
    own->bytes = bytes;
    return SUCCESS;
}

API int cublasSetMathMode(void *handle, int) {
    Guard guard(lock);
    Handle *own;
    return check("cublasSetMathMode", handle, own);
}

API int cublasSetAtomicsMode(void *handle, int) {
    Guard guard(lock);
    Handle *own;
    return check("cublasSetAtomicsMode", handle, own);
}

API int cublasSetPointerMode_v2(void *handle, int mode) {
    Guard guard(lock);
    Handle *own;
    CHECK(check("cublasSetPointerMode", handle, own));
    own->on_device = mode == 1;
    return SUCCESS;
}

struct Matrix {
    uint64_t address;
    int ld;
    long long stride;
    // Of the matrix as it lies in memory, by columns.
    int rows, columns;

    size_t numbers() const { return rows == 0 || columns == 0 ? 0 : (size_t)(columns - 1) * ld + rows; }
};

// Ten bits of mantissa, as TF32 has; to the nearest.
static float rounded(float v) {
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    if ((bits & 0x7f800000) != 0x7f800000)
        bits = (bits + 0x1000) & ~0x1fffu;
    memcpy(&v, &bits, sizeof bits);
    return v;
}
static double rounded(double v) { return v; }

// op(A) as columns of m, or B as columns of k, close together.
template <class T> static std::vector<T> columns(const T *from, const Matrix &matrix, bool transposed, bool tf32) {
    int rows = transposed ? matrix.columns : matrix.rows, n = transposed ? matrix.rows : matrix.columns;
    std::vector<T> to((size_t)rows * n);
    for (int j = 0; j < n; j++)
        for (int i = 0; i < rows; i++) {
            T value = from[transposed ? (size_t)i * matrix.ld + j : (size_t)j * matrix.ld + i];
            to[(size_t)j * rows + i] = tf32 ? rounded(value) : value;
        }
    return to;
}

template <class T>
static void multiply(bool ta, bool tb, int m, int n, int k, T alpha, const T *a, const Matrix &ma, const T *b,
                     const Matrix &mb, T beta, T *c, int ldc, bool tf32) {
    std::vector<T> left, right, sum(m);
    if (alpha != 0 && k > 0) {
        left = columns(a, ma, ta, tf32);
        right = columns(b, mb, tb, tf32);
    }
    for (int j = 0; j < n; j++) {
        std::fill(sum.begin(), sum.end(), T(0));
        for (int l = 0; l < k && !left.empty(); l++) {
            T factor = right[(size_t)j * k + l];
            const T *column = left.data() + (size_t)l * m;
            for (int i = 0; i < m; i++)
                sum[i] += column[i] * factor;
        }
        T *to = c + (size_t)j * ldc;
        // Where beta is 0, what was there is not read.
        for (int i = 0; i < m; i++)
            to[i] = beta == 0 ? alpha * sum[i] : alpha * sum[i] + beta * to[i];
    }
}

static bool overlap(uint64_t a, size_t a_bytes, uint64_t b, size_t b_bytes) {
    return a_bytes > 0 && b_bytes > 0 && a < b + b_bytes && b < a + a_bytes;
}

template <class T>
static int order(const char *function, Handle *own, bool ta, bool tb, int m, int n, int k, const void *alpha, Matrix a,
                 Matrix b, const void *beta, Matrix c, int batch, bool tf32) {
    T factor, keep;
    memcpy(&factor, alpha, sizeof factor);
    memcpy(&keep, beta, sizeof keep);
    if (own->bytes == 0 && standin::capturing(own->stream))
        return failed(function, NOT_SUPPORTED, "captured without a workspace: cuBLAS might allocate one");
    for (uint64_t address : {a.address, b.address, c.address})
        if (address % sizeof(T) != 0)
            standin::misuse(std::string(function) + " is given a misaligned matrix");
    uint64_t workspace = own->workspace;
    size_t bytes = own->bytes;
    auto run = [=] {
        // What it works in is its own: nothing else may keep anything there.
        if (bytes > 0)
            memset(standin::memory(workspace, bytes, function), 0xfd, std::min<size_t>(bytes, 4096));
        bool reads = factor != 0 && k > 0;
        for (int i = 0; i < batch; i++) {
            auto at = [&](const Matrix &matrix) { return matrix.address + (uint64_t)(matrix.stride * i) * sizeof(T); };
            size_t c_bytes = c.numbers() * sizeof(T);
            for (const Matrix *one : {&a, &b})
                if (reads && overlap(at(*one), one->numbers() * sizeof(T), at(c), c_bytes))
                    standin::misuse(std::string(function) + ": the result overlaps a factor");
            auto factor_at = [&](const Matrix &matrix, const char *what) {
                return reads ? (const T *)standin::memory(at(matrix), matrix.numbers() * sizeof(T), what) : nullptr;
            };
            const T *left = factor_at(a, "cuBLAS reads A"), *right = factor_at(b, "cuBLAS reads B");
            T *to = (T *)standin::memory(at(c), c_bytes, "cuBLAS writes C");
            multiply(ta, tb, m, n, k, factor, left, a, right, b, keep, to, c.ld, tf32);
        }
    };
    int result = standin::order(own->stream, function, run);
    return result == 0 ? SUCCESS : failed(function, EXECUTION_FAILED, "the driver answers " + std::to_string(result));
}

static int gemm(const char *function, void *handle, int op_a, int op_b, int m, int n, int k, const void *alpha,
                const void *a, int a_type, int lda, long long stride_a, const void *b, int b_type, int ldb,
                long long stride_b, const void *beta, void *c, int c_type, int ldc, long long stride_c, int batch,
                int compute, int algorithm) {
    Guard guard(lock);
    Handle *own;
    CHECK(check(function, handle, own));
    if (standin::injected(function))
        return failed(function, INTERNAL_ERROR, "as the test wants it");
    if (op_a < 0 || op_a > 2 || op_b < 0 || op_b > 2 || m < 0 || n < 0 || k < 0 || batch < 0)
        return failed(function, INVALID_VALUE, "an unknown operation, or a negative size");
    bool ta = op_a != 0, tb = op_b != 0;
    if (lda < std::max(1, ta ? k : m) || ldb < std::max(1, tb ? n : k) || ldc < std::max(1, m))
        return failed(function, INVALID_VALUE,
                      "leading dimensions " + std::to_string(lda) + ", " + std::to_string(ldb) + ", " +
                          std::to_string(ldc) + " for m, n, k = " + std::to_string(m) + ", " + std::to_string(n) +
                          ", " + std::to_string(k));
    if (!alpha || !beta)
        return failed(function, INVALID_VALUE, "alpha or beta is null");
    bool single = a_type == FLOAT && b_type == FLOAT && c_type == FLOAT && (compute == 68 || compute == 69 || compute == 77);
    bool wide = a_type == DOUBLE && b_type == DOUBLE && c_type == DOUBLE && (compute == 70 || compute == 71);
    if ((!single && !wide) || own->on_device || algorithm != -1)
        return failed(function, NOT_SUPPORTED, "types, computation, algorithm or pointer mode the stand-in does not know");
    if (m == 0 || n == 0 || batch == 0)
        return SUCCESS;
    Matrix left = {(uint64_t)a, lda, stride_a, ta ? k : m, ta ? m : k};
    Matrix right = {(uint64_t)b, ldb, stride_b, tb ? n : k, tb ? k : n};
    Matrix to = {(uint64_t)c, ldc, stride_c, m, n};
    if (batch > 1 && stride_c >= 0 && (size_t)stride_c < to.numbers())
        return failed(function, INVALID_VALUE, "the results of the batch overlap");
    if (single)
        return order<float>(function, own, ta, tb, m, n, k, alpha, left, right, beta, to, batch, compute == 77);
    return order<double>(function, own, ta, tb, m, n, k, alpha, left, right, beta, to, batch, false);
}

API int cublasGemmEx(void *handle, int op_a, int op_b, int m, int n, int k, const void *alpha, const void *a, int a_type,
                     int lda, const void *b, int b_type, int ldb, const void *beta, void *c, int c_type, int ldc,
                     int compute, int algorithm) {
    return gemm("cublasGemmEx", handle, op_a, op_b, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta, c, c_type,
                ldc, 0, 1, compute, algorithm);
}

API int cublasGemmStridedBatchedEx(void *handle, int op_a, int op_b, int m, int n, int k, const void *alpha,
                                   const void *a, int a_type, int lda, long long stride_a, const void *b, int b_type,
                                   int ldb, long long stride_b, const void *beta, void *c, int c_type, int ldc,
                                   long long stride_c, int batch, int compute, int algorithm) {
    return gemm("cublasGemmStridedBatchedEx", handle, op_a, op_b, m, n, k, alpha, a, a_type, lda, stride_a, b, b_type, ldb,
                stride_b, beta, c, c_type, ldc, stride_c, batch, compute, algorithm);
}
