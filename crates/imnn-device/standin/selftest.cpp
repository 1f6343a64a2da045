// What the stand-in has to see. Without an argument: what has to work, and the codes of what is refused; then it prints the
// names of all misuses. With the name of a misuse: commits it, which has to end the program.

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <thread>
#include <vector>

extern "C" {
int cuInit(unsigned);
int cuDevicePrimaryCtxRetain(void **, int);
int cuDevicePrimaryCtxRelease_v2(int);
int cuCtxSetCurrent(void *);
int cuCtxSynchronize();
int cuMemAlloc_v2(uint64_t *, size_t);
int cuMemFree_v2(uint64_t);
int cuMemHostAlloc(void **, size_t, unsigned);
int cuMemFreeHost(void *);
int cuMemHostRegister_v2(void *, size_t, unsigned);
int cuMemHostUnregister(void *);
int cuMemcpyHtoDAsync_v2(uint64_t, const void *, size_t, void *);
int cuMemcpyDtoHAsync_v2(void *, uint64_t, size_t, void *);
int cuMemcpyDtoDAsync_v2(uint64_t, uint64_t, size_t, void *);
int cuMemcpyPeerAsync(uint64_t, void *, uint64_t, void *, size_t, void *);
int cuMemcpyHtoD_v2(uint64_t, const void *, size_t);
int cuMemsetD8Async(uint64_t, unsigned char, size_t, void *);
int cuStreamCreate(void **, unsigned);
int cuStreamDestroy_v2(void *);
int cuStreamSynchronize(void *);
int cuStreamQuery(void *);
int cuStreamWaitEvent(void *, void *, unsigned);
int cuStreamBeginCapture_v2(void *, int);
int cuStreamEndCapture(void *, void **);
int cuEventCreate(void **, unsigned);
int cuEventDestroy_v2(void *);
int cuEventRecord(void *, void *);
int cuEventQuery(void *);
int cuEventSynchronize(void *);
int cuGraphInstantiateWithFlags(void **, void *, unsigned long long);
int cuGraphDestroy(void *);
int cuGraphExecDestroy(void *);
int cuGraphLaunch(void *, void *);
int cuModuleLoadData(void **, const void *);
int cuModuleUnload(void *);
int cuModuleGetFunction(void **, void *, const char *);
int cuLaunchKernel(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **);
int nvrtcCreateProgram(void **, const char *, const char *, int, const char *const *, const char *const *);
int nvrtcCompileProgram(void *, int, const char *const *);
int nvrtcGetCUBINSize(void *, size_t *);
int nvrtcGetCUBIN(void *, char *);
int nvrtcDestroyProgram(void **);
int cublasCreate_v2(void **);
int cublasDestroy_v2(void *);
int cublasSetStream_v2(void *, void *);
int cublasSetWorkspace_v2(void *, void *, size_t);
int cublasGemmEx(void *, int, int, int, int, int, const void *, const void *, int, int, const void *, int, int,
                 const void *, void *, int, int, int, int);
}

// Says what was expected, and ends the program.
static void expect(const char *what, int line, double found, double expected) {
    if (found == expected || (std::isnan(found) && std::isnan(expected)))
        return;
    fprintf(stderr, "selftest.cpp:%d: %s is %g, not %g\n", line, what, found, expected);
    _Exit(1);
}
#define EXPECT(what, expected) expect(#what, __LINE__, (what), (expected))
#define OK(call) EXPECT(call, 0)

static const char KERNELS[] = R"(
KERNEL twice(unsigned n, IN(REAL) from, OUT(REAL) to) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        to[i] = 2 * from[i];
}
KERNEL scaled(unsigned n, IN(unsigned) from, OUT(double) to, double factor) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        to[i] = factor * from[i];
}
KERNEL same(unsigned n, OUT(REAL) to) {
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        to[0] = 1;
}
)";

struct Card {
    void *context, *stream, *other, *module, *twice, *scaled, *same;
    uint64_t a, b;

    explicit Card(int device = 0) {
        OK(cuInit(0));
        OK(cuDevicePrimaryCtxRetain(&context, device));
        OK(cuCtxSetCurrent(context));
        OK(cuStreamCreate(&stream, 1));
        OK(cuStreamCreate(&other, 1));
        OK(cuMemAlloc_v2(&a, 80));
        OK(cuMemAlloc_v2(&b, 80));
        void *program;
        OK(nvrtcCreateProgram(&program, (std::string("#define REAL float\n") + KERNELS).c_str(), "k.cu", 0, nullptr, nullptr));
        const char *options[] = {"--gpu-architecture=sm_90", "--std=c++17"};
        OK(nvrtcCompileProgram(program, 2, options));
        size_t bytes;
        OK(nvrtcGetCUBINSize(program, &bytes));
        std::vector<char> code(bytes);
        OK(nvrtcGetCUBIN(program, code.data()));
        OK(nvrtcDestroyProgram(&program));
        OK(cuModuleLoadData(&module, code.data()));
        OK(cuModuleGetFunction(&twice, module, "twice"));
        OK(cuModuleGetFunction(&scaled, module, "scaled"));
        OK(cuModuleGetFunction(&same, module, "same"));
        EXPECT(cuModuleGetFunction(&same, module, "none"), 500);
    }

    void end(int device = 0) {
        OK(cuCtxSetCurrent(context));
        OK(cuMemFree_v2(a));
        OK(cuMemFree_v2(b));
        OK(cuModuleUnload(module));
        OK(cuStreamDestroy_v2(stream));
        OK(cuStreamDestroy_v2(other));
        OK(cuDevicePrimaryCtxRelease_v2(device));
    }

    int launch(void *function, unsigned n, uint64_t from, uint64_t to, unsigned blocks = 1, unsigned threads = 32) {
        double factor = 3;
        void *both[] = {&n, &from, &to, &factor}, *one[] = {&n, &to};
        return cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, stream, function == same ? one : both, nullptr);
    }

    void give(std::vector<float> values) { OK(cuMemcpyHtoDAsync_v2(a, values.data(), 4 * values.size(), stream)); }

    float at(uint64_t address) {
        float value;
        OK(cuMemcpyDtoHAsync_v2(&value, address, 4, stream));
        return value;
    }
};

static void *pinned(size_t n, float value) {
    void *made;
    OK(cuMemHostAlloc(&made, 4 * n, 0));
    for (size_t i = 0; i < n; i++)
        static_cast<float *>(made)[i] = value;
    return made;
}

static int multiply(void *handle, Card &card, int lda = 2, uint64_t to = 0) {
    float one = 1, none = 0;
    return cublasGemmEx(handle, 0, 0, 2, 2, 2, &one, (void *)card.a, 0, lda, (void *)card.a, 0, 2, &none,
                        (void *)(to ? to : card.b), 0, 2, 68, -1);
}

static void works() {
    Card card;
    // Pageable memory is read by the call, pinned memory when the work runs.
    card.give({1, 2, 3, 4});
    OK(card.launch(card.twice, 4, card.a, card.b));
    EXPECT(card.at(card.b + 12), 8);
    EXPECT(card.at(card.a + 16), NAN);
    float *host = (float *)pinned(1, 5);
    OK(cuMemcpyHtoDAsync_v2(card.a, host, 4, card.stream));
    *host = 6;
    EXPECT(card.at(card.a), 6);
    // Two streams: what is not waited for runs late; an event makes it wait.
    *host = 7;
    OK(cuMemcpyHtoDAsync_v2(card.a, host, 4, card.other));
    EXPECT(card.at(card.a), 6);
    void *event;
    OK(cuEventCreate(&event, 2));
    OK(cuEventRecord(event, card.other));
    EXPECT(cuEventQuery(event), 600);
    OK(cuStreamWaitEvent(card.stream, event, 0));
    EXPECT(card.at(card.a), 7);
    OK(cuEventQuery(event));
    *host = 8;
    OK(cuMemcpyHtoDAsync_v2(card.a, host, 4, card.other));
    OK(cuEventRecord(event, card.other));
    OK(cuEventSynchronize(event));
    EXPECT(card.at(card.a), 8);
    // Copies back to pinned memory come late too.
    OK(cuMemsetD8Async(card.a, 0, 4, card.stream));
    OK(cuMemcpyDtoHAsync_v2(host, card.a, 4, card.stream));
    EXPECT(*host, 8);
    while (int status = cuStreamQuery(card.stream))
        EXPECT(status, 600);
    EXPECT(*host, 0);
    OK(cuMemFreeHost(host));
    EXPECT(cuMemFreeHost(host), 1);
    float own[4] = {1, 1, 1, 1};
    OK(cuMemHostRegister_v2(own, sizeof own, 0));
    EXPECT(cuMemHostRegister_v2(own, sizeof own, 0), 712);
    OK(cuMemcpyHtoDAsync_v2(card.a, own, 16, card.stream));
    own[0] = 9;
    EXPECT(card.at(card.a), 9);
    OK(cuMemHostUnregister(own));
    EXPECT(cuMemHostUnregister(own), 713);
    // Arguments of other types.
    unsigned numbers[] = {5, 6};
    OK(cuMemcpyHtoDAsync_v2(card.a, numbers, 8, card.stream));
    OK(card.launch(card.scaled, 2, card.a, card.b));
    double made[2];
    OK(cuMemcpyDtoHAsync_v2(made, card.b, 16, card.stream));
    EXPECT(made[1], 18);
    // Products, by columns: (1 3; 2 4) squared.
    void *handle, *graph, *exec;
    OK(cublasCreate_v2(&handle));
    OK(cublasSetStream_v2(handle, card.stream));
    card.give({1, 2, 3, 4});
    OK(multiply(handle, card));
    EXPECT(card.at(card.b + 4), 10);
    EXPECT(multiply(handle, card, 1), 7);
    // Graphs: nothing runs while it is captured, all whenever it is launched.
    OK(cuStreamBeginCapture_v2(card.stream, 1));
    EXPECT(multiply(handle, card), 15);
    OK(cuStreamEndCapture(card.stream, &graph));
    OK(cuGraphDestroy(graph));
    uint64_t workspace;
    OK(cuMemAlloc_v2(&workspace, 4096));
    OK(cublasSetWorkspace_v2(handle, (void *)workspace, 4096));
    EXPECT(cublasSetWorkspace_v2(handle, (void *)(workspace + 8), 8), 7);
    OK(cuStreamBeginCapture_v2(card.stream, 1));
    OK(multiply(handle, card));
    OK(cuMemcpyDtoDAsync_v2(card.a, card.b, 16, card.stream));
    OK(cuEventRecord(event, card.stream));
    OK(cuStreamWaitEvent(card.other, event, 0));
    OK(cuMemsetD8Async(card.b + 16, 0, 4, card.other));
    OK(cuEventRecord(event, card.other));
    OK(cuStreamWaitEvent(card.stream, event, 0));
    OK(cuStreamEndCapture(card.stream, &graph));
    OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
    OK(cuGraphDestroy(graph));
    EXPECT(card.at(card.a), 1);
    for (float expected : {7, 199}) {
        OK(cuGraphLaunch(exec, card.stream));
        EXPECT(card.at(card.a), expected);
    }
    EXPECT(card.at(card.b + 16), 0);
    OK(cuGraphExecDestroy(exec));
    EXPECT(cuGraphExecDestroy(exec), 400);
    OK(cuMemFree_v2(workspace));
    // What ends a capture.
    std::vector<float> pageable(4);
    uint64_t refused;
    std::vector<std::function<int()>> forbidden = {
        [&] { return cuMemAlloc_v2(&refused, 4); },
        [&] { return cuStreamSynchronize(card.stream); },
        [&] { return cuCtxSynchronize(); },
        [&] { return cuMemcpyHtoD_v2(card.a, pageable.data(), 4); },
        [&] { return cuMemcpyHtoDAsync_v2(card.a, pageable.data(), 4, card.stream); },
    };
    for (auto &call : forbidden) {
        OK(cuStreamBeginCapture_v2(card.stream, 1));
        EXPECT(call(), 900);
        EXPECT(card.launch(card.same, 1, 0, card.a), 901);
        EXPECT(cuStreamEndCapture(card.stream, &graph), 901);
    }
    OK(cuStreamBeginCapture_v2(card.stream, 1));
    EXPECT(cuStreamBeginCapture_v2(card.stream, 1), 401);
    std::thread([&] {
        OK(cuCtxSetCurrent(card.context));
        OK(cuMemAlloc_v2(&refused, 4));
        OK(cuMemFree_v2(refused));
        EXPECT(cuStreamEndCapture(card.stream, &graph), 908);
    }).join();
    OK(cuEventRecord(event, card.stream));
    OK(cuStreamWaitEvent(card.other, event, 0));
    OK(cuMemsetD8Async(card.b, 0, 4, card.other));
    EXPECT(cuStreamEndCapture(card.stream, &graph), 904);
    OK(cuEventRecord(event, card.other));
    OK(cuStreamBeginCapture_v2(card.stream, 1));
    EXPECT(cuStreamWaitEvent(card.stream, event, 0), 905);
    EXPECT(cuStreamEndCapture(card.stream, &graph), 901);
    EXPECT(cuStreamEndCapture(card.stream, &graph), 401);
    // What is refused.
    EXPECT(cuMemcpyHtoDAsync_v2(card.a, pageable.data(), 81, card.stream), 1);
    EXPECT(cuMemsetD8Async(card.a + 80, 0, 1, card.stream), 1);
    OK(cuMemsetD8Async(card.a + 80, 0, 0, card.stream));
    EXPECT(cuMemFree_v2(card.a + 8), 1);
    EXPECT(card.launch(card.twice, 1, card.a, card.b, 0), 1);
    EXPECT(card.launch(card.twice, 1, card.a, card.b, 1, 1025), 1);
    EXPECT(card.launch(card.stream, 1, card.a, card.b), 400);
    EXPECT(cuMemAlloc_v2(&refused, (size_t)1 << 50), 2);
    EXPECT(cuStreamSynchronize(event), 400);
    std::thread([&] { EXPECT(cuMemAlloc_v2(&refused, 4), 201); }).join();
    // Two cards.
    Card second(1);
    EXPECT(cuStreamSynchronize(card.stream), 201);
    EXPECT(cuMemsetD8Async(card.a, 0, 4, second.stream), 1);
    OK(cuMemcpyPeerAsync(second.a, second.context, card.b, card.context, 4, second.stream));
    EXPECT(cuMemcpyPeerAsync(second.a, card.context, card.b, card.context, 4, second.stream), 1);
    EXPECT(second.at(second.a), 199);
    EXPECT(multiply(handle, card), 13);
    second.end(1);
    OK(cuCtxSetCurrent(card.context));
    OK(cublasDestroy_v2(handle));
    EXPECT(cublasDestroy_v2(handle), 1);
    OK(cuEventDestroy_v2(event));
    card.end();
    EXPECT(cuMemAlloc_v2(&refused, 4), 709);
}

static const std::map<std::string, void (*)(Card &)> MISUSES = {
    {"a kernel reads behind memory", [](Card &card) { card.launch(card.twice, 20, card.a + 4, card.b); }},
    {"a kernel writes behind memory", [](Card &card) { card.launch(card.twice, 20, card.a, card.b + 4); }},
    {"a kernel is given no memory", [](Card &card) { card.launch(card.twice, 1, 0, card.b); }},
    {"a kernel is given a misaligned pointer", [](Card &card) { card.launch(card.twice, 1, card.a + 2, card.b); }},
    {"threads write the same number", [](Card &card) { card.launch(card.same, 2, 0, card.b); }},
    {"a kernel is given memory of another card",
     [](Card &card) {
         Card second(1);
         second.launch(second.twice, 1, card.a, second.b);
         cuStreamSynchronize(second.stream);
     }},
    {"a graph uses memory that was freed",
     [](Card &card) {
         void *graph, *exec;
         OK(cuStreamBeginCapture_v2(card.stream, 1));
         OK(card.launch(card.twice, 1, card.a, card.b));
         OK(cuStreamEndCapture(card.stream, &graph));
         OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
         OK(cuMemFree_v2(card.b));
         OK(cuGraphLaunch(exec, card.stream));
     }},
    {"a graph uses a module that was unloaded",
     [](Card &card) {
         void *graph, *exec;
         OK(cuStreamBeginCapture_v2(card.stream, 1));
         OK(card.launch(card.twice, 1, card.a, card.b));
         OK(cuStreamEndCapture(card.stream, &graph));
         OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
         OK(cuModuleUnload(card.module));
         OK(cuGraphLaunch(exec, card.stream));
     }},
    {"pinned memory is freed before it is read",
     [](Card &card) {
         void *host = pinned(1, 5);
         OK(cuMemcpyHtoDAsync_v2(card.a, host, 4, card.stream));
         cuMemFreeHost(host);
     }},
    {"a graph reads pinned memory that was freed",
     [](Card &card) {
         void *graph, *exec, *host = pinned(1, 5);
         OK(cuStreamBeginCapture_v2(card.stream, 1));
         OK(cuMemcpyHtoDAsync_v2(card.a, host, 4, card.stream));
         OK(cuStreamEndCapture(card.stream, &graph));
         OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
         OK(cuMemFreeHost(host));
         OK(cuGraphLaunch(exec, card.stream));
     }},
    {"a copy overlaps itself", [](Card &card) { cuMemcpyDtoDAsync_v2(card.a + 4, card.a, 8, card.stream); }},
    {"a product reads behind memory",
     [](Card &card) {
         void *handle;
         OK(cublasCreate_v2(&handle));
         OK(cublasSetStream_v2(handle, card.stream));
         OK(multiply(handle, card, 19));
     }},
    {"a product writes into a factor",
     [](Card &card) {
         void *handle;
         OK(cublasCreate_v2(&handle));
         OK(cublasSetStream_v2(handle, card.stream));
         OK(multiply(handle, card, 2, card.a + 12));
     }},
    {"a context is released with memory", [](Card &) { cuDevicePrimaryCtxRelease_v2(0); }},
    {"a program ends with memory", [](Card &) { exit(0); }},
};

int main(int n, char **arguments) {
    if (n == 1) {
        works();
        for (auto &misuse : MISUSES)
            puts(misuse.first.c_str());
        return 0;
    }
    Card card;
    card.give(std::vector<float>(20, 1));
    MISUSES.at(arguments[1])(card);
    OK(cuStreamSynchronize(card.stream));
    // Not seen: nothing is said of what is left.
    _Exit(0);
}
