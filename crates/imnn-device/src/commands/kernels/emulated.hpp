// Kernels on the host, one thread after the other, forwards or backwards. Every access is checked: it lies in the span
// that was passed, and no two threads of one launch touch the same number if one of them writes it; for arrays that a block
// shares, no two threads of one phase.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstddef>
#include <utility>

using std::asinh;
using std::exp;
using std::exp2;
using std::expm1;
using std::fabs;
using std::hypot;
using std::log;
using std::log1p;
using std::log2;
using std::nan;
using std::round;
using std::sqrt;

struct Index {
    unsigned x;
};
static thread_local Index blockIdx, blockDim, threadIdx;
// What a thread leaves where it reads or writes: launch and thread, in shared arrays phase and thread.
static thread_local uint64_t stamp, phase_stamp;
static thread_local uint32_t number, phase;
static thread_local int backwards;
static thread_local const char *kernel;
static thread_local char fault[256];

// Who wrote and who read a number last; the last bit says that several threads read.
struct Shadow {
    uint64_t writer, reader;
};

static inline void report(const char *what, size_t index, size_t len) {
    if (!fault[0])
        snprintf(fault, sizeof fault, "%s: %s, number %zu of %zu, thread %u of block %u", kernel, what, index, len,
                 threadIdx.x, blockIdx.x);
}

static inline bool same_launch(uint64_t a, uint64_t b) { return (a >> 32) == (b >> 32); }

// As Rust passes a span; or an array of a block.
template <class T, bool SHARED = false> struct Pointer {
    T *data;
    size_t len;
    Shadow *shadow;

    T read(size_t i) const {
        const uint64_t stamp = SHARED ? phase_stamp : ::stamp;
        static T nothing;
        if (i >= len) {
            report("read out of bounds", i, len);
            return nothing;
        }
        Shadow &s = shadow[i];
        if (same_launch(s.writer, stamp) && s.writer != stamp)
            report("read of what another thread writes", i, len);
        if (!same_launch(s.reader, stamp))
            s.reader = stamp;
        else if (s.reader != stamp)
            s.reader = stamp | 0x80000000u;
        return data[i];
    }

    void write(size_t i, T value) const {
        const uint64_t stamp = SHARED ? phase_stamp : ::stamp;
        if (i >= len) {
            report("write out of bounds", i, len);
            return;
        }
        Shadow &s = shadow[i];
        if (same_launch(s.writer, stamp) && s.writer != stamp)
            report("write of what another thread writes", i, len);
        if (same_launch(s.reader, stamp) && s.reader != stamp)
            report("write of what another thread reads", i, len);
        s.writer = stamp;
        data[i] = value;
    }
};

template <class T> struct Input : Pointer<T> {
    T operator[](size_t i) const { return this->read(i); }
};

template <class T, bool SHARED = false> struct Place {
    const Pointer<T, SHARED> &pointer;
    size_t i;
    operator T() const { return pointer.read(i); }
    T operator=(T value) const {
        pointer.write(i, value);
        return value;
    }
};

template <class T> struct Output : Pointer<T> {
    Place<T> operator[](size_t i) const { return Place<T>{*this, i}; }
};

template <class T> struct Shared : Pointer<T, true> {
    Place<T, true> operator[](size_t i) const { return Place<T, true>{*this, i}; }
};

// Numbers that nobody has written are NaNs.
template <class T, unsigned N> struct Array {
    T data[N];
    Shadow shadow[N] = {};

    Array() {
        for (T &number : data)
            number = nan("");
    }
};

#define EMULATED
#define KERNEL static void
#define INLINE static inline
#define INLINE_METHOD inline
#define TABLE static const double
#define IN(type) Input<type>
#define OUT(type) Output<type>
#define READ_AHEAD
#define UNROLL

static inline unsigned begin_phase() {
    phase++;
    return 0;
}

// Goes on as the next thread of the block, if there is one.
static inline bool enter(unsigned turn) {
    if (turn >= blockDim.x)
        return false;
    threadIdx.x = backwards ? blockDim.x - 1 - turn : turn;
    const uint64_t thread = blockIdx.x * blockDim.x + threadIdx.x + 1;
    stamp = (uint64_t)number << 32 | thread;
    phase_stamp = (uint64_t)phase << 32 | thread;
    return true;
}

// One thread does the work of its block, phase by phase for all threads.
#define TOGETHER                                                                                                        \
    if (threadIdx.x != 0)                                                                                               \
    return
#define PHASE for (unsigned turn = begin_phase(); enter(turn); turn++)
#define SHARED(type) Shared<type>
#define SHARES(type, name, n)                                                                                           \
    Array<type, n> name##_array;                                                                                        \
    Shared<type> name = {{name##_array.data, n, name##_array.shadow}}
#define OWNS(type, name, n) type name[BLOCK][n] = {}
#define ME threadIdx.x

template <class... A, size_t... I>
static void call(void (*f)(A...), void **arguments, std::index_sequence<I...>) {
    f(*static_cast<A *>(arguments[I])...);
}

// Runs all threads of all blocks; returns what was wrong, or nothing.
template <class... A>
static const char *launch(const char *name, void (*f)(A...), void **arguments, size_t n_arguments, unsigned blocks,
                          unsigned threads, uint32_t launch_number, int order) {
    kernel = name;
    number = launch_number;
    backwards = order;
    fault[0] = 0;
    if (n_arguments != sizeof...(A)) {
        snprintf(fault, sizeof fault, "%s takes %zu arguments and was given %zu", name, sizeof...(A), n_arguments);
        return fault;
    }
    blockDim.x = threads;
    for (unsigned b = 0; b < blocks; b++) {
        blockIdx.x = backwards ? blocks - 1 - b : b;
        for (unsigned turn = 0; enter(turn); turn++)
            call(f, arguments, std::index_sequence_for<A...>());
    }
    return fault[0] ? fault : nullptr;
}

#define LAUNCHER(name)                                                                                                  \
    extern "C" const char *launch_##name(void **arguments, size_t n, unsigned blocks, unsigned threads,                 \
                                         uint32_t number, int backwards) {                                              \
        return launch(#name, name, arguments, n, blocks, threads, number, backwards);                                   \
    }
