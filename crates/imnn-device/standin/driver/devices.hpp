// Devices and contexts, and what is left at their end. A part of `driver.cpp`.

#pragma once

// What a context still has.
static std::string left(Context *context) {
    std::string text;
    auto add = [&](size_t n, const char *what) {
        if (n > 0)
            text += (text.empty() ? "" : ", ") + std::to_string(n) + " " + what;
    };
    size_t n = 0, bytes = 0;
    for (auto &[start, allocation] : allocations)
        if (allocation.context == context)
            n++, bytes += allocation.bytes;
    add(n, "allocations");
    auto alive = [&](std::set<Object *> &all) {
        size_t found = 0;
        for (Object *object : all)
            found += object->alive && object->context == context;
        return found;
    };
    add(alive(streams), "streams");
    add(alive(events), "events");
    add(alive(modules), "modules");
    add(alive(graphs), "graphs");
    add(alive(execs), "executable graphs");
    add(context->handles, "handles of cuBLAS");
    return text;
}

// What is left when the program ends was never given back.
struct AtExit {
    ~AtExit() {
        std::string text;
        for (auto &context : contexts) {
            if (context->references > 0)
                text += "card " + std::to_string(context->device) + " was not released; ";
            if (std::string own = left(context.get()); !own.empty())
                text += own + " of card " + std::to_string(context->device) + "; ";
        }
        if (!pinned.empty())
            text += std::to_string(pinned.size()) + " pieces of pinned memory; ";
        if (text.empty())
            return;
        fprintf(stderr, "stand-in: LEAK at the end of the program: %s\n", text.c_str());
        fflush(stderr);
        _exit(70);
    }
};
static AtExit at_exit;

API int cuInit(unsigned flags) {
    Guard guard(lock);
    if (flags != 0)
        return failed("cuInit", INVALID_VALUE, "flags are 0");
    if (contexts.empty())
        for (long device = 0, n = setting("IMNN_STANDIN_GPUS", 1); device < n; device++) {
            contexts.emplace_back(new Context);
            contexts.back()->device = device;
            contexts.back()->total = setting("IMNN_STANDIN_MEMORY", 1 << 30);
        }
    if (contexts.empty())
        return failed("cuInit", NO_DEVICE, "IMNN_STANDIN_GPUS is 0");
    order();
    started = true;
    return SUCCESS;
}

API int cuDriverGetVersion(int *version) {
    if (!version)
        return failed("cuDriverGetVersion", INVALID_VALUE, "nowhere to put it");
    *version = 13000;
    return SUCCESS;
}

static Result check_device(const char *function, int device) {
    if (!started)
        return failed(function, NOT_INITIALIZED, "cuInit has not been called");
    if (device < 0 || (size_t)device >= contexts.size())
        return failed(function, INVALID_DEVICE, "there is no device " + std::to_string(device));
    return SUCCESS;
}

API int cuDeviceGetCount(int *count) {
    Guard guard(lock);
    if (!started)
        return failed("cuDeviceGetCount", NOT_INITIALIZED, "cuInit has not been called");
    *count = contexts.size();
    return SUCCESS;
}

API int cuDeviceGet(int *device, int ordinal) {
    Guard guard(lock);
    CHECK(check_device("cuDeviceGet", ordinal));
    *device = ordinal;
    return SUCCESS;
}

API int cuDeviceGetName(char *name, int len, int device) {
    Guard guard(lock);
    CHECK(check_device("cuDeviceGetName", device));
    snprintf(name, len, "Stand-in %d, no GPU", device);
    return SUCCESS;
}

API int cuDeviceTotalMem_v2(size_t *bytes, int device) {
    Guard guard(lock);
    CHECK(check_device("cuDeviceTotalMem", device));
    *bytes = contexts[device]->total;
    return SUCCESS;
}

API int cuDeviceGetAttribute(int *value, int attribute, int device) {
    Guard guard(lock);
    // cudarc keeps the context for ever where the attribute of pools cannot be told.
    if (attribute != 115)
        CHECK(standin::injected("cuDeviceGetAttribute"));
    CHECK(check_device("cuDeviceGetAttribute", device));
    static const std::map<int, int> known = {
        {1, 1024},        // threads of a block
        {2, 1024},        // block.x
        {3, 1024},        // block.y
        {4, 64},          // block.z
        {5, 0x7fffffff},  // grid.x
        {6, 65535},       // grid.y
        {7, 65535},       // grid.z
        {10, 32},         // warp
        {13, 1000000},    // clock in kHz
        {16, 4},          // multiprocessors
        {36, 1000000},    // clock of memory in kHz
        {37, 256},        // bits of the memory's bus
        {38, 4 << 20},    // second cache
        {39, 2048},       // threads of a multiprocessor
        {40, 2},          // engines that copy
        {41, 1},          // one space of addresses
        {75, 9},          // compute capability
        {76, 0},          // its second digit
        {115, 1},         // pools of memory
    };
    auto found = known.find(attribute);
    if (found == known.end())
        return failed("cuDeviceGetAttribute", INVALID_VALUE, "attribute " + std::to_string(attribute) + " is not known");
    *value = found->second;
    return SUCCESS;
}

API int cuDevicePrimaryCtxRetain(void **context, int device) {
    Guard guard(lock);
    CHECK(standin::injected("cuDevicePrimaryCtxRetain"));
    CHECK(check_device("cuDevicePrimaryCtxRetain", device));
    Context *own = contexts[device].get();
    own->references++;
    own->legacy.context = own;
    *context = own;
    return SUCCESS;
}

API int cuDevicePrimaryCtxRelease_v2(int device) {
    Guard guard(lock);
    CHECK(check_device("cuDevicePrimaryCtxRelease", device));
    Context *own = contexts[device].get();
    if (own->references == 0)
        return failed("cuDevicePrimaryCtxRelease", INVALID_CONTEXT, "it was released before");
    if (own->references == 1) {
        run_all(own);
        if (std::string text = left(own); !text.empty())
            standin::misuse("LEAK: card " + std::to_string(device) + " was released with " + text);
        own->peers.clear();
    }
    own->references--;
    return SUCCESS;
}

API int cuCtxGetCurrent(void **context) {
    Guard guard(lock);
    if (!started)
        return failed("cuCtxGetCurrent", NOT_INITIALIZED, "cuInit has not been called");
    *context = now_current;
    return SUCCESS;
}

API int cuCtxSetCurrent(void *context) {
    Guard guard(lock);
    if (!started)
        return failed("cuCtxSetCurrent", NOT_INITIALIZED, "cuInit has not been called");
    for (auto &one : contexts)
        if (one.get() == context && one->references > 0) {
            now_current = one.get();
            return SUCCESS;
        }
    if (context)
        return failed("cuCtxSetCurrent", INVALID_CONTEXT, "no such context, or it was released");
    now_current = nullptr;
    return SUCCESS;
}

API int cuCtxGetDevice(int *device) {
    Guard guard(lock);
    CHECK(check_context("cuCtxGetDevice"));
    *device = now_current->device;
    return SUCCESS;
}

static Result synchronise(const char *function) {
    CHECK(check_context(function));
    Result result = SUCCESS;
    for (Stream *stream : streams_of(now_current))
        if (stream->capture) {
            stream->capture->invalid = true;
            result = CAPTURE_UNSUPPORTED;
        }
    if (result != SUCCESS)
        return failed(function, result, "a stream of the context is captured; the capture is invalid now");
    run_all(now_current);
    return SUCCESS;
}

API int cuCtxSynchronize() {
    Guard guard(lock);
    return synchronise("cuCtxSynchronize");
}

int standin::synchronise(const char *function) {
    Guard guard(lock);
    CHECK(check_unsafe(function));
    return ::synchronise(function);
}

API int cuCtxGetStreamPriorityRange(int *least, int *greatest) {
    Guard guard(lock);
    CHECK(check_context("cuCtxGetStreamPriorityRange"));
    if (least)
        *least = 0;
    if (greatest)
        *greatest = -5;
    return SUCCESS;
}

API int cuDeviceCanAccessPeer(int *can, int device, int peer) {
    Guard guard(lock);
    CHECK(check_device("cuDeviceCanAccessPeer", device));
    CHECK(check_device("cuDeviceCanAccessPeer", peer));
    *can = device != peer;
    return SUCCESS;
}

API int cuCtxEnablePeerAccess(void *peer, unsigned flags) {
    Guard guard(lock);
    CHECK(check_context("cuCtxEnablePeerAccess"));
    if (flags != 0)
        return failed("cuCtxEnablePeerAccess", INVALID_VALUE, "flags are 0");
    for (auto &one : contexts)
        if (one.get() == peer && one->references > 0 && peer != now_current)
            return now_current->peers.insert(one.get()).second
                       ? SUCCESS
                       : failed("cuCtxEnablePeerAccess", PEER_ACCESS_ALREADY_ENABLED, "it was allowed before");
    return failed("cuCtxEnablePeerAccess", INVALID_CONTEXT, "no such context, or the current one");
}

API int cuGetErrorName(int result, const char **text) {
    static const std::map<int, const char *> names = {
        {SUCCESS, "CUDA_SUCCESS"},
        {INVALID_VALUE, "CUDA_ERROR_INVALID_VALUE"},
        {OUT_OF_MEMORY, "CUDA_ERROR_OUT_OF_MEMORY"},
        {NO_DEVICE, "CUDA_ERROR_NO_DEVICE"},
        {INVALID_DEVICE, "CUDA_ERROR_INVALID_DEVICE"},
    };
    auto found = names.find(result);
    *text = found == names.end() ? "see the stand-in's line" : found->second;
    return SUCCESS;
}

API int cuGetErrorString(int result, const char **text) { return cuGetErrorName(result, text); }
