// What all kernels share. REAL is float or double; the text is compiled once for each.
//
// Each number is made by one thread, and there are no atomics: nothing depends on the order of threads, and a sum always runs
// in the same order. In most kernels a thread has nothing to do with others. A kernel whose blocks work together begins with
// TOGETHER and is made of phases, between which the threads of a block wait for one another; in a phase no thread reads
// what another one writes.
//
// IN and OUT are pointers on a card. The emulation on the host makes them pointers that check every access.

#ifndef EMULATED
#define KERNEL extern "C" __global__ void
#define INLINE static __device__ __forceinline__
#define INLINE_METHOD __device__ __forceinline__
#define TABLE static __device__ const double
#define IN(type) const type *__restrict__
#define OUT(type) type *
// Before a loop whose numbers are read one after the other: many of them are on their way at a time.
#define READ_AHEAD _Pragma("unroll 16")
#define UNROLL _Pragma("unroll")
#define TOGETHER
// What follows is done by each thread.
#define PHASE for (bool once = true; once; once = false, __syncthreads())
// An array of the block, and how functions take it.
#define SHARED(type) type *
#define SHARES(type, name, n) __shared__ __align__(16) type name[n]
// An array of each thread, which is there in all phases as name[ME].
#define OWNS(type, name, n) type name[1][n]
#define ME 0
#endif

// The number i of this thread, of which n have work.
#define THREAD(i, n)                                                                                                    \
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;                                                           \
    if (i >= (n))                                                                                                       \
    return

// N neighbouring numbers, which a card moves at once: a thread works out only once where they lie.
template <unsigned N> struct alignas(N * sizeof(REAL)) Run {
    REAL of[N];
};
#ifndef EMULATED
template <unsigned N> INLINE Run<N> read(const REAL *from, unsigned at) { return *(const Run<N> *)(from + at); }
template <unsigned N> INLINE void write(OUT(REAL) to, unsigned at, Run<N> run) { *(Run<N> *)(to + at) = run; }
#else
template <unsigned N, class From> INLINE Run<N> read(From from, unsigned at) {
    Run<N> run;
    for (unsigned j = 0; j < N; j++)
        run.of[j] = from[at + j];
    return run;
}
template <unsigned N> INLINE void write(OUT(REAL) to, unsigned at, Run<N> run) {
    for (unsigned j = 0; j < N; j++)
        to[at + j] = run.of[j];
}
#endif

// A tap beyond the edge.
#define OUTSIDE 0xffffffffu

// The row of values that row r follows: the first n_own rows are values, the others come `per` to each.
INLINE unsigned value_row(unsigned r, unsigned n_own, unsigned per) { return r < n_own ? r : (r - n_own) / per; }

INLINE void put(OUT(REAL) to, unsigned at, REAL value, unsigned add) {
    if (add)
        to[at] = (REAL)to[at] + value;
    else
        to[at] = value;
}

template <unsigned N> INLINE void put_run(OUT(REAL) to, unsigned at, Run<N> run, unsigned add) {
    if (add) {
        Run<N> sum = read<N>(to, at);
        for (unsigned j = 0; j < N; j++)
            run.of[j] += sum.of[j];
    }
    write<N>(to, at, run);
}
