// A stand-in for NVIDIA's driver: cards that are none, on which every call and every access is checked.
//
// Streams are queues. Their work runs as late as it may (when it is waited for), at once, or at moments drawn by chance:
// see README.md.

#include "standin.hpp"
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <dlfcn.h>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <vector>

// ---- Results

enum Result {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    NOT_INITIALIZED = 3,
    NO_DEVICE = 100,
    INVALID_DEVICE = 101,
    INVALID_IMAGE = 200,
    INVALID_CONTEXT = 201,
    NO_BINARY_FOR_GPU = 209,
    PEER_ACCESS_UNSUPPORTED = 217,
    INVALID_HANDLE = 400,
    ILLEGAL_STATE = 401,
    NOT_FOUND = 500,
    NOT_READY = 600,
    PEER_ACCESS_ALREADY_ENABLED = 704,
    CONTEXT_IS_DESTROYED = 709,
    HOST_MEMORY_ALREADY_REGISTERED = 712,
    HOST_MEMORY_NOT_REGISTERED = 713,
    CAPTURE_UNSUPPORTED = 900,
    CAPTURE_INVALIDATED = 901,
    CAPTURE_UNMATCHED = 903,
    CAPTURE_UNJOINED = 904,
    CAPTURE_ISOLATION = 905,
    CAPTURE_IMPLICIT = 906,
    CAPTURE_WRONG_THREAD = 908,
};

// Says on one line what a call refuses.
static Result failed(const char *function, Result result, const std::string &why) {
    fprintf(stderr, "stand-in: %s: error %d: %s\n", function, result, why.c_str());
    return result;
}

[[noreturn]] void standin::misuse(const std::string &text) {
    fprintf(stderr, "stand-in: MISUSE: %s\n", text.c_str());
    fflush(stderr);
    abort();
}

static std::string hex(uint64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%#llx", (unsigned long long)value);
    return text;
}

// ---- What there is

struct Context;
struct Stream;

// Begins every object, so that a handle can be looked up. Objects are never freed: a handle is never given out twice.
struct Object {
    Context *context = nullptr;
    bool alive = true;
};

// One piece of work. Work that needs another piece waits for it.
struct Mark {
    Stream *stream = nullptr;
    bool done = false;
    std::chrono::steady_clock::time_point time;
};
struct Work {
    const char *what;
    std::function<void()> run;
    std::shared_ptr<Mark> needs, makes;
    // Memory of the host that is read or written when it runs.
    const char *host = nullptr;
    size_t bytes = 0;
};

struct Capture {
    std::vector<Work> work;
    int mode = 0;
    std::thread::id thread;
    Stream *origin = nullptr;
    bool invalid = false;
};

struct Stream : Object {
    bool blocking = false;
    std::deque<Work> queue;
    std::shared_ptr<Capture> capture;
    // Of a stream that joined a capture: the captured work that the origin has not yet waited for.
    bool unjoined = false;
};

struct Event : Object {
    unsigned flags = 0;
    std::shared_ptr<Mark> mark;
    // Of an event that was recorded in a capture.
    std::shared_ptr<Capture> capture;
    Stream *recorded = nullptr;
    int asked = 0;
};

struct Graph : Object {
    std::vector<Work> work;
};
struct Exec : Object {
    std::shared_ptr<std::vector<Work>> work;
};
struct Module : Object {
    void *library = nullptr;
};
struct Function : Object {
    Module *module = nullptr;
    std::string name;
    Launcher *launcher = nullptr;
    std::vector<Parameter> parameters;
};

struct Allocation {
    Context *context;
    size_t bytes;
    char *data;
    // For numbers of 1, 2, 4 and 8 bytes; made when a kernel asks for one.
    Shadow *shadow[4] = {};
};

struct Context {
    int device = 0, references = 0;
    size_t used = 0, total = 0;
    int handles = 0;
    bool ever = false;
    Stream legacy;
    std::set<Context *> peers;
};

static std::recursive_mutex lock;
typedef std::lock_guard<std::recursive_mutex> Guard;

static bool started;
static std::vector<std::unique_ptr<Context>> contexts;
static std::map<uint64_t, Allocation> allocations;
static std::map<uint64_t, size_t> freed;
static std::map<char *, std::pair<size_t, bool>> pinned; // registered?
static std::set<Object *> streams, events, graphs, execs, modules, functions;
static uint32_t launches;
static thread_local Context *now_current;

// Below all allocations lies nothing, above as little; addresses are never used again.
static uint64_t next_address = 0x700000000000;
static const uint64_t ALIGNMENT = 512, GAP = 1 << 20;

// ---- Settings

static long setting(const char *name, long otherwise) {
    const char *text = getenv(name);
    if (!text || !*text)
        return otherwise;
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || value < 0) {
        fprintf(stderr, "stand-in: %s is `%s`, not a number\n", name, text);
        exit(70);
    }
    return value;
}

// When work runs.
struct Order {
    enum { LATE, NOW, CHANCE } kind = LATE;
    uint64_t state = 0;

    Order() {
        const char *text = getenv("IMNN_STANDIN_ORDER");
        if (!text || !*text || !strcmp(text, "late"))
            return;
        kind = strcmp(text, "now") ? CHANCE : NOW;
        if (kind == CHANCE)
            state = 0x9e3779b97f4a7c15u * (setting("IMNN_STANDIN_ORDER", 0) + 1);
    }

    // A number below n.
    size_t draw(size_t n) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return (state >> 33) % n;
    }
};

static Order &order() {
    static Order order;
    return order;
}

// ---- Memory

// The allocation in which an address lies, and how far inside; one behind its end does not.
static std::pair<Allocation *, size_t> find(uint64_t address) {
    auto above = allocations.upper_bound(address);
    if (above == allocations.begin())
        return {nullptr, 0};
    auto &[start, allocation] = *--above;
    size_t inside = address - start;
    if (inside >= allocation.bytes)
        return {nullptr, 0};
    return {&allocation, inside};
}

static std::string where(uint64_t address) {
    if (auto [allocation, inside] = find(address); allocation)
        return hex(address) + ", byte " + std::to_string(inside) + " of " + std::to_string(allocation->bytes);
    auto above = freed.upper_bound(address);
    if (above != freed.begin() && (--above, address - above->first < above->second))
        return hex(address) + ", which was freed";
    auto behind = allocations.upper_bound(address);
    if (behind != allocations.begin() && (--behind, address - behind->first < behind->second.bytes + GAP))
        return hex(address) + ", " + std::to_string(address - behind->first - behind->second.bytes) +
               " bytes behind an allocation of " + std::to_string(behind->second.bytes);
    return hex(address) + ", which never was memory of a card";
}

static bool lies(uint64_t address, size_t bytes) {
    auto [allocation, inside] = find(address);
    return bytes == 0 || (allocation && allocation->bytes - inside >= bytes);
}

char *standin::memory(uint64_t address, size_t bytes, const char *what) {
    Guard guard(lock);
    auto [allocation, inside] = find(address);
    if (!lies(address, bytes))
        misuse(std::string(what) + " of " + std::to_string(bytes) + " bytes at " + where(address));
    return allocation ? allocation->data + inside : nullptr;
}

// The pinned memory in which some of the host's memory lies, or its end.
static std::map<char *, std::pair<size_t, bool>>::iterator find_pinned(const void *host, size_t bytes) {
    char *at = static_cast<char *>(const_cast<void *>(host));
    auto above = pinned.upper_bound(at);
    if (above == pinned.begin())
        return pinned.end();
    --above;
    size_t inside = at - above->first;
    return inside < above->second.first && above->second.first - inside >= bytes ? above : pinned.end();
}

// ---- Streams

static void run_until(Stream &stream, const Mark *mark);

static void run_first(Stream &stream) {
    Work work = std::move(stream.queue.front());
    stream.queue.pop_front();
    if (work.needs && !work.needs->done && work.needs->stream)
        run_until(*work.needs->stream, work.needs.get());
    if (work.run)
        work.run();
    if (work.makes) {
        work.makes->done = true;
        work.makes->time = std::chrono::steady_clock::now();
    }
}

// Runs what is on a stream, up to where a mark is made if one is given.
static void run_until(Stream &stream, const Mark *mark) {
    while (!stream.queue.empty() && !(mark && mark->done))
        run_first(stream);
}

static std::vector<Stream *> streams_of(Context *context) {
    std::vector<Stream *> found;
    for (Object *object : streams)
        if (object->alive && object->context == context)
            found.push_back(static_cast<Stream *>(object));
    return found;
}

static void run_all(Context *context) {
    std::vector<Stream *> own = streams_of(context);
    // The latest made first: what does not wait for the others runs before them.
    for (auto stream = own.rbegin(); stream != own.rend(); ++stream)
        run_until(**stream, nullptr);
    run_until(context->legacy, nullptr);
}

// A queue of a real card is no longer than this either: then its oldest work runs.
static const size_t LONGEST = 1024;

static void push(Stream &stream, Work work) {
    // The legacy stream waits for all that block, and they wait for it.
    if (&stream == &stream.context->legacy) {
        for (Stream *other : streams_of(stream.context))
            if (other->blocking)
                run_until(*other, nullptr);
    } else if (stream.blocking) {
        run_until(stream.context->legacy, nullptr);
    }
    if (work.makes)
        work.makes->stream = &stream;
    stream.queue.push_back(std::move(work));
    if (order().kind == Order::NOW)
        run_until(stream, nullptr);
    while (stream.queue.size() > LONGEST)
        run_first(stream);
    if (order().kind == Order::CHANCE) {
        std::vector<Stream *> all = streams_of(stream.context);
        for (size_t n = order().draw(4); n > 0 && !all.empty(); n--) {
            Stream &one = *all[order().draw(all.size())];
            if (!one.queue.empty())
                run_first(one);
        }
    }
}

// ---- Checks that many calls begin with

static Result check_context(const char *function) {
    if (!started)
        return failed(function, NOT_INITIALIZED, "cuInit has not been called");
    if (!now_current)
        return failed(function, INVALID_CONTEXT, "no context is current on this thread");
    if (now_current->references == 0)
        return failed(function, CONTEXT_IS_DESTROYED, "the context current on this thread was released");
    return SUCCESS;
}

// For tests: the call so many calls from now on this thread fails, and no more than so many bytes of memory are
// there, although more are shown.
static thread_local long calls_until_failure = -1;
static thread_local int failure;
static thread_local size_t allowance = SIZE_MAX;

API void standin_fail(long calls, int result) {
    calls_until_failure = calls;
    failure = result;
}

// Whether the failure is still to come.
API int standin_fails() { return calls_until_failure >= 0; }

API void standin_allow(size_t bytes) { allowance = bytes; }

int standin::injected(const char *function) {
    if (calls_until_failure < 0 || calls_until_failure-- > 0)
        return SUCCESS;
    return failed(function, (Result)failure, "as the test wants it");
}

#define CHECK(call)                                                                                                     \
    if (Result checked = (Result)(call); checked != SUCCESS)                                                                    \
    return checked

static std::vector<std::shared_ptr<Capture>> captures() {
    std::vector<std::shared_ptr<Capture>> found;
    for (Object *object : streams)
        if (auto stream = static_cast<Stream *>(object); stream->alive && stream->capture)
            if (stream->capture->origin == stream)
                found.push_back(stream->capture);
    return found;
}

// Calls that could order work on the legacy stream are forbidden while this thread captures, or another one for all.
static Result check_unsafe(const char *function) {
    Result result = SUCCESS;
    for (auto &capture : captures()) {
        bool own = capture->thread == std::this_thread::get_id();
        if ((own && capture->mode != 2) || capture->mode == 0) {
            capture->invalid = true;
            result = CAPTURE_UNSUPPORTED;
        }
    }
    return result == SUCCESS ? result : failed(function, result, "not permitted during a capture, which is invalid now");
}

// A handle of the current context.
template <class T> static Result check_handle(const char *function, std::set<Object *> &all, void *handle, T *&object) {
    auto found = all.find(static_cast<Object *>(handle));
    if (found == all.end())
        return failed(function, INVALID_HANDLE, "unknown handle " + hex((uint64_t)handle));
    if (!(*found)->alive)
        return failed(function, INVALID_HANDLE, "the handle was destroyed before");
    if ((*found)->context != now_current)
        return failed(function, INVALID_CONTEXT, "the handle belongs to a context that is not current");
    object = static_cast<T *>(*found);
    return SUCCESS;
}

static Result check_stream(const char *function, void *handle, Stream *&stream) {
    CHECK(check_context(function));
    if (!handle || handle == (void *)1) {
        stream = &now_current->legacy;
        stream->context = now_current;
        for (Stream *other : streams_of(now_current))
            if (other->capture && other->blocking) {
                other->capture->invalid = true;
                return failed(function, CAPTURE_IMPLICIT, "the legacy stream would wait for a stream that is captured");
            }
        return SUCCESS;
    }
    CHECK(check_handle(function, streams, handle, stream));
    if (stream->capture && stream->capture->invalid)
        return failed(function, CAPTURE_INVALIDATED, "the capture of the stream is invalid");
    return SUCCESS;
}

// Memory of a device that a call is given. A real driver would see no more than that nothing is there.
static Result check_memory(const char *function, uint64_t address, size_t bytes, bool anywhere = false) {
    if (!lies(address, bytes))
        return failed(function, INVALID_VALUE, std::to_string(bytes) + " bytes at " + where(address));
    auto [allocation, inside] = find(address);
    if (allocation && allocation->context != now_current && !anywhere && bytes > 0)
        return failed(function, INVALID_VALUE, "memory of a context that is not current: " + where(address));
    return SUCCESS;
}

// Orders work, or captures it.
static Result enqueue(Stream &stream, Work work) {
    if (stream.capture) {
        work.makes = nullptr;
        stream.capture->work.push_back(std::move(work));
        stream.unjoined = stream.capture->origin != &stream;
    } else {
        push(stream, std::move(work));
    }
    return SUCCESS;
}

const void *standin::current() {
    Guard guard(lock);
    return now_current && now_current->references > 0 ? now_current : nullptr;
}

bool standin::capturing(void *handle) {
    Guard guard(lock);
    auto found = streams.find(static_cast<Object *>(handle));
    return found != streams.end() && static_cast<Stream *>(*found)->capture;
}

const void *standin::context_of(void *handle) {
    Guard guard(lock);
    if (!handle)
        return now_current;
    auto found = streams.find(static_cast<Object *>(handle));
    return found == streams.end() || !(*found)->alive ? nullptr : (*found)->context;
}

int standin::order(void *handle, const char *what, std::function<void()> run) {
    Guard guard(lock);
    Stream *stream;
    CHECK(check_stream(what, handle, stream));
    Work work = {};
    work.what = what;
    work.run = std::move(run);
    return enqueue(*stream, std::move(work));
}

void standin::count(const void *context, int change) {
    Guard guard(lock);
    const_cast<Context *>(static_cast<const Context *>(context))->handles += change;
}

// ---- Devices and contexts

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

// ---- Memory of the card

static size_t rounded(size_t bytes) { return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT; }

API int cuMemGetInfo_v2(size_t *free, size_t *total) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemGetInfo"));
    CHECK(check_context("cuMemGetInfo"));
    *free = now_current->total - now_current->used;
    *total = now_current->total;
    return SUCCESS;
}

API int cuMemAlloc_v2(uint64_t *address, size_t bytes) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemAlloc"));
    CHECK(check_context("cuMemAlloc"));
    CHECK(check_unsafe("cuMemAlloc"));
    if (!address || bytes == 0)
        return failed("cuMemAlloc", INVALID_VALUE, "0 bytes");
    size_t room = now_current->total - now_current->used;
    room = std::min(room, allowance);
    if (bytes > room || rounded(bytes) > room)
        return failed("cuMemAlloc", OUT_OF_MEMORY, std::to_string(bytes) + " bytes of " + std::to_string(room));
    char *data = static_cast<char *>(malloc(bytes));
    if (!data)
        return failed("cuMemAlloc", OUT_OF_MEMORY, "the host has no " + std::to_string(bytes) + " bytes");
    // All ones are a NaN in every precision, and an index that is nowhere.
    memset(data, 0xff, bytes);
    now_current->used += rounded(bytes);
    allowance -= allowance == SIZE_MAX ? 0 : rounded(bytes);
    *address = next_address;
    allocations[next_address] = Allocation{now_current, bytes, data};
    next_address += (rounded(bytes) + 2 * GAP) / GAP * GAP;
    return SUCCESS;
}

API int cuMemFree_v2(uint64_t address) {
    Guard guard(lock);
    CHECK(check_context("cuMemFree"));
    CHECK(check_unsafe("cuMemFree"));
    auto found = allocations.find(address);
    if (found == allocations.end())
        return failed("cuMemFree", INVALID_VALUE, "no beginning of an allocation: " + where(address));
    Allocation &own = found->second;
    if (own.context != now_current)
        return failed("cuMemFree", INVALID_VALUE, "memory of a context that is not current");
    run_all(now_current);
    now_current->used -= rounded(own.bytes);
    allowance += allowance == SIZE_MAX ? 0 : rounded(own.bytes);
    freed[address] = own.bytes;
    free(own.data);
    for (int k = 0; k < 4; k++)
        if (own.shadow[k])
            munmap(own.shadow[k], ((own.bytes >> k) + 1) * sizeof(Shadow));
    allocations.erase(found);
    return SUCCESS;
}

// Zeros that cost nothing before they are written to.
static Shadow *shadow_of(Allocation &allocation, size_t element) {
    int k = element == 1 ? 0 : element == 2 ? 1 : element == 4 ? 2 : 3;
    if (!allocation.shadow[k]) {
        size_t bytes = ((allocation.bytes >> k) + 1) * sizeof(Shadow);
        void *made = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (made == MAP_FAILED)
            standin::misuse("the host has no memory to check accesses");
        allocation.shadow[k] = static_cast<Shadow *>(made);
    }
    return allocation.shadow[k];
}

// ---- Memory of the host

API int cuMemHostAlloc(void **host, size_t bytes, unsigned flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemHostAlloc"));
    CHECK(check_context("cuMemHostAlloc"));
    CHECK(check_unsafe("cuMemHostAlloc"));
    if (!host || bytes == 0 || flags > 7)
        return failed("cuMemHostAlloc", INVALID_VALUE, "0 bytes, or unknown flags");
    size_t whole = (bytes + 4095) / 4096 * 4096;
    void *made = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (made == MAP_FAILED)
        return failed("cuMemHostAlloc", OUT_OF_MEMORY, std::to_string(bytes) + " bytes");
    memset(made, 0xff, whole);
    pinned[static_cast<char *>(made)] = {bytes, false};
    *host = made;
    return SUCCESS;
}

API int cuMemAllocHost_v2(void **host, size_t bytes) { return cuMemHostAlloc(host, bytes, 0); }

// Work that would still reach memory of the host.
static void check_host_unused(const char *host, size_t bytes) {
    for (Object *object : streams)
        for (Work &work : static_cast<Stream *>(object)->queue)
            if (work.host && work.host < host + bytes && host < work.host + work.bytes)
                standin::misuse(std::string("memory of the host is given back while it is waited for by ") + work.what);
}

API int cuMemFreeHost(void *host) {
    Guard guard(lock);
    CHECK(check_context("cuMemFreeHost"));
    CHECK(check_unsafe("cuMemFreeHost"));
    auto found = pinned.find(static_cast<char *>(host));
    if (found == pinned.end() || found->second.second)
        return failed("cuMemFreeHost", INVALID_VALUE, "no memory of cuMemHostAlloc, or freed before");
    check_host_unused(found->first, found->second.first);
    // The addresses stay taken: what still uses them ends the program.
    mmap(host, (found->second.first + 4095) / 4096 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    pinned.erase(found);
    return SUCCESS;
}

API int cuMemHostRegister_v2(void *host, size_t bytes, unsigned flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemHostRegister"));
    CHECK(check_context("cuMemHostRegister"));
    CHECK(check_unsafe("cuMemHostRegister"));
    if (!host || bytes == 0 || flags > 15)
        return failed("cuMemHostRegister", INVALID_VALUE, "0 bytes, or unknown flags");
    for (auto &[start, own] : pinned)
        if (start < static_cast<char *>(host) + bytes && static_cast<char *>(host) < start + own.first)
            return failed("cuMemHostRegister", HOST_MEMORY_ALREADY_REGISTERED, "some of it is pinned");
    pinned[static_cast<char *>(host)] = {bytes, true};
    return SUCCESS;
}

API int cuMemHostUnregister(void *host) {
    Guard guard(lock);
    CHECK(check_context("cuMemHostUnregister"));
    CHECK(check_unsafe("cuMemHostUnregister"));
    auto found = pinned.find(static_cast<char *>(host));
    if (found == pinned.end() || !found->second.second)
        return failed("cuMemHostUnregister", HOST_MEMORY_NOT_REGISTERED, "it was not registered");
    check_host_unused(found->first, found->second.first);
    pinned.erase(found);
    return SUCCESS;
}

// ---- Copies

API int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemcpyHtoDAsync"));
    const char *function = "cuMemcpyHtoDAsync";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    CHECK(check_memory(function, to, bytes));
    if (bytes == 0)
        return SUCCESS;
    if (!from)
        return failed(function, INVALID_VALUE, "the source is null");
    Work work = {};
    work.what = function;
    if (find_pinned(from, bytes) != pinned.end()) {
        work.host = static_cast<const char *>(from);
        work.bytes = bytes;
        work.run = [=] {
            if (find_pinned(from, bytes) == pinned.end())
                standin::misuse("cuMemcpyHtoDAsync reads pinned memory that was given back");
            memcpy(standin::memory(to, bytes, "cuMemcpyHtoDAsync"), from, bytes);
        };
    } else {
        if (stream->capture) {
            stream->capture->invalid = true;
            return failed(function, CAPTURE_UNSUPPORTED, "memory that is not pinned is captured");
        }
        // Pageable memory is read before the call returns.
        auto first = static_cast<const char *>(from);
        auto kept = std::make_shared<std::vector<char>>(first, first + bytes);
        work.run = [=] { memcpy(standin::memory(to, bytes, "cuMemcpyHtoDAsync"), kept->data(), bytes); };
    }
    return enqueue(*stream, std::move(work));
}

API int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemcpyDtoHAsync"));
    const char *function = "cuMemcpyDtoHAsync";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    CHECK(check_memory(function, from, bytes));
    if (bytes == 0)
        return SUCCESS;
    if (!to)
        return failed(function, INVALID_VALUE, "the target is null");
    Work work = {};
    work.what = function;
    bool is_pinned = find_pinned(to, bytes) != pinned.end();
    if (stream->capture && !is_pinned) {
        stream->capture->invalid = true;
        return failed(function, CAPTURE_UNSUPPORTED, "memory that is not pinned is captured");
    }
    if (is_pinned) {
        work.host = static_cast<char *>(to);
        work.bytes = bytes;
    }
    work.run = [=] {
        if (is_pinned && find_pinned(to, bytes) == pinned.end())
            standin::misuse("cuMemcpyDtoHAsync writes pinned memory that was given back");
        memcpy(to, standin::memory(from, bytes, "cuMemcpyDtoHAsync"), bytes);
    };
    CHECK(enqueue(*stream, std::move(work)));
    // Into pageable memory the call returns when all is done.
    if (!is_pinned)
        run_until(*stream, nullptr);
    return SUCCESS;
}

static Result copy(const char *function, uint64_t to, uint64_t from, size_t bytes, Stream &stream) {
    if (bytes == 0)
        return SUCCESS;
    if (to < from + bytes && from < to + bytes)
        standin::misuse(std::string(function) + ": source and target overlap");
    Work work = {};
    work.what = function;
    work.run = [=] { memcpy(standin::memory(to, bytes, function), standin::memory(from, bytes, function), bytes); };
    return enqueue(stream, std::move(work));
}

API int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t bytes, void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemcpyDtoDAsync"));
    Stream *stream;
    CHECK(check_stream("cuMemcpyDtoDAsync", handle, stream));
    CHECK(check_memory("cuMemcpyDtoDAsync", to, bytes, true));
    CHECK(check_memory("cuMemcpyDtoDAsync", from, bytes, true));
    return copy("cuMemcpyDtoDAsync", to, from, bytes, *stream);
}

API int cuMemcpyPeerAsync(uint64_t to, void *to_context, uint64_t from, void *from_context, size_t bytes, void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemcpyPeerAsync"));
    const char *function = "cuMemcpyPeerAsync";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    CHECK(check_memory(function, to, bytes, true));
    CHECK(check_memory(function, from, bytes, true));
    if (bytes > 0 && (find(to).first->context != to_context || find(from).first->context != from_context))
        return failed(function, INVALID_VALUE, "memory of another context than the one that is given");
    return copy(function, to, from, bytes, *stream);
}

API int cuMemsetD8Async(uint64_t to, unsigned char value, size_t bytes, void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuMemsetD8Async"));
    const char *function = "cuMemsetD8Async";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    CHECK(check_memory(function, to, bytes));
    if (bytes == 0)
        return SUCCESS;
    Work work = {};
    work.what = function;
    work.run = [=] { memset(standin::memory(to, bytes, "cuMemsetD8Async"), value, bytes); };
    return enqueue(*stream, std::move(work));
}

// Calls without a stream run on the legacy one, and wait.
static Result finish_legacy(const char *function, int result) {
    CHECK(result);
    CHECK(check_unsafe(function));
    run_until(now_current->legacy, nullptr);
    return SUCCESS;
}

API int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t bytes) {
    Guard guard(lock);
    CHECK(check_context("cuMemcpyHtoD"));
    CHECK(check_unsafe("cuMemcpyHtoD"));
    return finish_legacy("cuMemcpyHtoD", cuMemcpyHtoDAsync_v2(to, from, bytes, nullptr));
}

API int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t bytes) {
    Guard guard(lock);
    CHECK(check_context("cuMemcpyDtoH"));
    CHECK(check_unsafe("cuMemcpyDtoH"));
    return finish_legacy("cuMemcpyDtoH", cuMemcpyDtoHAsync_v2(to, from, bytes, nullptr));
}

API int cuMemcpyDtoD_v2(uint64_t to, uint64_t from, size_t bytes) {
    Guard guard(lock);
    CHECK(check_context("cuMemcpyDtoD"));
    CHECK(check_unsafe("cuMemcpyDtoD"));
    return cuMemcpyDtoDAsync_v2(to, from, bytes, nullptr);
}

API int cuMemsetD8_v2(uint64_t to, unsigned char value, size_t bytes) {
    Guard guard(lock);
    CHECK(check_context("cuMemsetD8"));
    CHECK(check_unsafe("cuMemsetD8"));
    return cuMemsetD8Async(to, value, bytes, nullptr);
}

// ---- Streams and events

template <class T> static T *make(std::set<Object *> &all) {
    T *made = new T;
    made->context = now_current;
    all.insert(made);
    return made;
}

API int cuStreamCreate(void **stream, unsigned flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuStreamCreate"));
    CHECK(check_context("cuStreamCreate"));
    if (!stream || flags > 1)
        return failed("cuStreamCreate", INVALID_VALUE, "unknown flags");
    Stream *made = make<Stream>(streams);
    made->blocking = flags == 0;
    *stream = made;
    return SUCCESS;
}

API int cuStreamCreateWithPriority(void **stream, unsigned flags, int) { return cuStreamCreate(stream, flags); }

API int cuStreamDestroy_v2(void *handle) {
    Guard guard(lock);
    CHECK(check_context("cuStreamDestroy"));
    Stream *stream;
    CHECK(check_handle("cuStreamDestroy", streams, handle, stream));
    if (stream->capture) {
        stream->capture->invalid = true;
        return failed("cuStreamDestroy", CAPTURE_UNSUPPORTED, "the stream is captured");
    }
    run_until(*stream, nullptr);
    stream->alive = false;
    return SUCCESS;
}

static Result not_captured(const char *function, Stream &stream) {
    if (!stream.capture)
        return SUCCESS;
    stream.capture->invalid = true;
    return failed(function, CAPTURE_UNSUPPORTED, "the stream is captured; the capture is invalid now");
}

API int cuStreamSynchronize(void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuStreamSynchronize"));
    Stream *stream;
    CHECK(check_stream("cuStreamSynchronize", handle, stream));
    CHECK(not_captured("cuStreamSynchronize", *stream));
    run_until(*stream, nullptr);
    return SUCCESS;
}

API int cuStreamQuery(void *handle) {
    Guard guard(lock);
    Stream *stream;
    CHECK(check_stream("cuStreamQuery", handle, stream));
    CHECK(not_captured("cuStreamQuery", *stream));
    if (stream->queue.empty())
        return SUCCESS;
    // Who asks again and again must see an end.
    run_first(*stream);
    return NOT_READY;
}

API int cuEventCreate(void **event, unsigned flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuEventCreate"));
    CHECK(check_context("cuEventCreate"));
    if (!event || flags > 7)
        return failed("cuEventCreate", INVALID_VALUE, "unknown flags");
    Event *made = make<Event>(events);
    made->flags = flags;
    *event = made;
    return SUCCESS;
}

API int cuEventDestroy_v2(void *handle) {
    Guard guard(lock);
    CHECK(check_context("cuEventDestroy"));
    Event *event;
    CHECK(check_handle("cuEventDestroy", events, handle, event));
    event->alive = false;
    return SUCCESS;
}

API int cuEventRecord(void *handle, void *of) {
    Guard guard(lock);
    CHECK(standin::injected("cuEventRecord"));
    Event *event;
    Stream *stream;
    CHECK(check_stream("cuEventRecord", of, stream));
    CHECK(check_handle("cuEventRecord", events, handle, event));
    event->asked = 0;
    event->recorded = stream;
    event->capture = stream->capture;
    if (stream->capture)
        return SUCCESS;
    event->mark = std::make_shared<Mark>();
    Work work = {};
    work.what = "cuEventRecord";
    work.makes = event->mark;
    return enqueue(*stream, std::move(work));
}

API int cuStreamWaitEvent(void *handle, void *of, unsigned flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuStreamWaitEvent"));
    const char *function = "cuStreamWaitEvent";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    auto found = events.find(static_cast<Object *>(of));
    if (found == events.end() || !(*found)->alive)
        return failed(function, INVALID_HANDLE, "no such event, or destroyed before");
    if (flags > 1)
        return failed(function, INVALID_VALUE, "unknown flags");
    Event *event = static_cast<Event *>(*found);
    if (event->capture) {
        if (stream->capture && stream->capture != event->capture) {
            stream->capture->invalid = event->capture->invalid = true;
            return failed(function, CAPTURE_UNMATCHED, "two captures would be one");
        }
        if (!stream->capture && stream == &now_current->legacy)
            return failed(function, CAPTURE_IMPLICIT, "the legacy stream cannot join a capture");
        if (event->capture->origin == nullptr)
            return failed(function, INVALID_VALUE, "the event was recorded in a capture that has ended");
        // The work of a capture is kept in the order of the calls, which is one that its dependencies allow.
        stream->capture = event->capture;
        if (event->recorded != stream)
            event->recorded->unjoined = false;
        stream->unjoined = stream->capture->origin != stream;
        return SUCCESS;
    }
    if (stream->capture) {
        if (!event->mark)
            return SUCCESS;
        stream->capture->invalid = true;
        return failed(function, CAPTURE_ISOLATION, "a captured stream would wait for work that is not captured");
    }
    if (!event->mark)
        return SUCCESS;
    Work work = {};
    work.what = function;
    work.needs = event->mark;
    return enqueue(*stream, std::move(work));
}

// An event whose work is not part of a capture.
static Result check_event(const char *function, void *handle, Event *&event) {
    CHECK(check_context(function));
    CHECK(check_handle(function, events, handle, event));
    if (event->capture) {
        event->capture->invalid = true;
        return failed(function, CAPTURE_UNSUPPORTED, "the event was recorded in a capture");
    }
    return SUCCESS;
}

API int cuEventSynchronize(void *handle) {
    Guard guard(lock);
    CHECK(standin::injected("cuEventSynchronize"));
    Event *event;
    CHECK(check_event("cuEventSynchronize", handle, event));
    if (event->mark && !event->mark->done)
        run_until(*event->mark->stream, event->mark.get());
    return SUCCESS;
}

API int cuEventQuery(void *handle) {
    Guard guard(lock);
    Event *event;
    CHECK(check_context("cuEventQuery"));
    CHECK(check_unsafe("cuEventQuery"));
    CHECK(check_event("cuEventQuery", handle, event));
    if (!event->mark || event->mark->done)
        return SUCCESS;
    // Who asks again and again must see an end.
    if (++event->asked > 3)
        run_until(*event->mark->stream, event->mark.get());
    return NOT_READY;
}

API int cuEventElapsedTime(float *milliseconds, void *begin, void *end) {
    Guard guard(lock);
    const char *function = "cuEventElapsedTime";
    Event *first, *last;
    CHECK(check_event(function, begin, first));
    CHECK(check_event(function, end, last));
    if (first->flags & 2 || last->flags & 2 || !first->mark || !last->mark)
        return failed(function, INVALID_HANDLE, "an event without a time, or that was not recorded");
    if (!first->mark->done || !last->mark->done)
        return failed(function, NOT_READY, "the work is not done");
    *milliseconds = std::chrono::duration<float, std::milli>(last->mark->time - first->mark->time).count();
    return SUCCESS;
}

API int cuEventElapsedTime_v2(float *milliseconds, void *begin, void *end) {
    return cuEventElapsedTime(milliseconds, begin, end);
}

// ---- Graphs

static Result begin_capture(void *handle, int mode) {
    Guard guard(lock);
    CHECK(standin::injected("cuStreamBeginCapture"));
    const char *function = "cuStreamBeginCapture";
    Stream *stream;
    CHECK(check_stream(function, handle, stream));
    if (mode < 0 || mode > 2)
        return failed(function, INVALID_VALUE, "unknown mode");
    if (stream == &now_current->legacy)
        return failed(function, CAPTURE_UNSUPPORTED, "the legacy stream cannot be captured");
    if (stream->capture)
        return failed(function, ILLEGAL_STATE, "the stream is captured already");
    stream->capture = std::make_shared<Capture>();
    stream->capture->mode = mode;
    stream->capture->thread = std::this_thread::get_id();
    stream->capture->origin = stream;
    return SUCCESS;
}

API int cuStreamBeginCapture_v2(void *handle, int mode) {
    Result result = begin_capture(handle, mode);
    // Others get the time to do what may not be done meanwhile.
    if (result == SUCCESS)
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    return result;
}

API int cuStreamIsCapturing(void *handle, int *status) {
    Guard guard(lock);
    CHECK(check_context("cuStreamIsCapturing"));
    *status = 0;
    if (!handle)
        return SUCCESS;
    Stream *stream;
    CHECK(check_handle("cuStreamIsCapturing", streams, handle, stream));
    *status = stream->capture ? stream->capture->invalid ? 2 : 1 : 0;
    return SUCCESS;
}

API int cuStreamEndCapture(void *handle, void **graph) {
    Guard guard(lock);
    const char *function = "cuStreamEndCapture";
    CHECK(check_context(function));
    *graph = nullptr;
    Stream *stream;
    CHECK(check_handle(function, streams, handle, stream));
    std::shared_ptr<Capture> own = stream->capture;
    if (!own)
        return failed(function, ILLEGAL_STATE, "the stream is not captured");
    if (own->origin != stream)
        return failed(function, CAPTURE_UNMATCHED, "the capture was begun on another stream");
    if (own->mode != 2 && own->thread != std::this_thread::get_id())
        return failed(function, CAPTURE_WRONG_THREAD, "the capture was begun on another thread");
    bool unjoined = false;
    for (Object *object : streams) {
        Stream *other = static_cast<Stream *>(object);
        if (other->capture != own)
            continue;
        unjoined |= other->unjoined;
        other->unjoined = false;
        other->capture = nullptr;
    }
    own->origin = nullptr;
    CHECK(standin::injected(function));
    if (own->invalid)
        return failed(function, CAPTURE_INVALIDATED, "the capture is invalid");
    if (unjoined)
        return failed(function, CAPTURE_UNJOINED, "work of another stream was captured and is not waited for");
    Graph *made = make<Graph>(graphs);
    made->work = own->work;
    *graph = made;
    return SUCCESS;
}

API int cuGraphInstantiateWithFlags(void **exec, void *handle, unsigned long long flags) {
    Guard guard(lock);
    CHECK(standin::injected("cuGraphInstantiate"));
    CHECK(check_context("cuGraphInstantiate"));
    Graph *graph;
    CHECK(check_handle("cuGraphInstantiate", graphs, handle, graph));
    if (!exec || flags > 15)
        return failed("cuGraphInstantiate", INVALID_VALUE, "unknown flags");
    Exec *made = make<Exec>(execs);
    made->work = std::make_shared<std::vector<Work>>(graph->work);
    *exec = made;
    return SUCCESS;
}

// Graphs may be destroyed from any thread, without a current context.
template <class T> static Result destroy(const char *function, std::set<Object *> &all, void *handle) {
    auto found = all.find(static_cast<Object *>(handle));
    if (found == all.end() || !(*found)->alive)
        return failed(function, INVALID_HANDLE, "no such graph, or destroyed before");
    (*found)->alive = false;
    static_cast<T *>(*found)->work = {};
    return SUCCESS;
}

API int cuGraphDestroy(void *handle) {
    Guard guard(lock);
    return destroy<Graph>("cuGraphDestroy", graphs, handle);
}

API int cuGraphExecDestroy(void *handle) {
    Guard guard(lock);
    return destroy<Exec>("cuGraphExecDestroy", execs, handle);
}

API int cuGraphUpload(void *handle, void *of) {
    Guard guard(lock);
    Stream *stream;
    Exec *exec;
    CHECK(check_stream("cuGraphUpload", of, stream));
    return check_handle("cuGraphUpload", execs, handle, exec);
}

API int cuGraphLaunch(void *handle, void *of) {
    Guard guard(lock);
    CHECK(standin::injected("cuGraphLaunch"));
    Stream *stream;
    Exec *exec;
    CHECK(check_stream("cuGraphLaunch", of, stream));
    CHECK(check_handle("cuGraphLaunch", execs, handle, exec));
    if (stream->capture) {
        for (const Work &work : *exec->work)
            CHECK(enqueue(*stream, work));
        return SUCCESS;
    }
    Work whole = {};
    whole.what = "cuGraphLaunch";
    whole.run = [work = exec->work] {
        for (const Work &one : *work)
            one.run();
    };
    return enqueue(*stream, std::move(whole));
}

// ---- Kernels

API int cuModuleLoadData(void **handle, const void *data) {
    Guard guard(lock);
    CHECK(standin::injected("cuModuleLoadData"));
    const char *function = "cuModuleLoadData";
    CHECK(check_context(function));
    CHECK(check_unsafe(function));
    const Image *image = static_cast<const Image *>(data);
    if (!image || memcmp(image->magic, MAGIC, sizeof MAGIC))
        return failed(function, INVALID_IMAGE, "not what the stand-in of NVRTC makes");
    if (image->architecture != 90)
        return failed(function, NO_BINARY_FOR_GPU, "code for sm_" + std::to_string(image->architecture) + ", not sm_90");
    // Under a name of its own: the loader takes the same name for the same library.
    static unsigned loaded;
    const char *temporary = getenv("TMPDIR");
    std::string path = temporary && *temporary ? temporary : "/tmp";
    path += "/standin-" + std::to_string(getpid()) + "-" + std::to_string(++loaded) + ".so";
    std::ofstream(path, std::ios::binary).write(static_cast<const char *>(data) + sizeof(Image), image->bytes);
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    unlink(path.c_str());
    if (!library)
        return failed(function, INVALID_IMAGE, dlerror());
    Module *made = make<Module>(modules);
    made->library = library;
    *handle = made;
    return SUCCESS;
}

API int cuModuleUnload(void *handle) {
    Guard guard(lock);
    CHECK(check_context("cuModuleUnload"));
    CHECK(check_unsafe("cuModuleUnload"));
    Module *module;
    CHECK(check_handle("cuModuleUnload", modules, handle, module));
    run_all(now_current);
    module->alive = false;
    for (Object *function : functions)
        if (static_cast<Function *>(function)->module == module)
            function->alive = false;
    dlclose(module->library);
    return SUCCESS;
}

API int cuModuleGetFunction(void **handle, void *of, const char *name) {
    Guard guard(lock);
    CHECK(standin::injected("cuModuleGetFunction"));
    const char *function = "cuModuleGetFunction";
    CHECK(check_context(function));
    Module *module;
    CHECK(check_handle(function, modules, of, module));
    auto launcher = (Launcher *)dlsym(module->library, (std::string("launch_") + name).c_str());
    auto signature = (size_t(*)(const Parameter **))dlsym(module->library, (std::string("signature_") + name).c_str());
    if (!launcher || !signature)
        return failed(function, NOT_FOUND, std::string("no kernel ") + name);
    Function *made = make<Function>(functions);
    const Parameter *parameters;
    size_t n = signature(&parameters);
    made->module = module;
    made->name = name;
    made->launcher = launcher;
    made->parameters.assign(parameters, parameters + n);
    *handle = made;
    return SUCCESS;
}

// Runs a kernel with arguments as they were given: addresses become checked pointers to what is left of the allocation.
static void run_kernel(const Function &function, const std::vector<std::vector<char>> &values, unsigned blocks,
                       unsigned threads) {
    if (!function.alive)
        standin::misuse(function.name + " runs after its module was unloaded");
    std::vector<Pointer> pointers(values.size());
    std::vector<void *> arguments(values.size());
    std::string text;
    for (size_t i = 0; i < values.size(); i++) {
        arguments[i] = const_cast<char *>(values[i].data());
        uint32_t element = function.parameters[i].element;
        if (element == 0)
            continue;
        uint64_t address;
        memcpy(&address, values[i].data(), sizeof address);
        text += "; argument " + std::to_string(i) + " is " + where(address);
        // One that lies nowhere may be passed, but not read or written.
        if (auto [allocation, inside] = find(address); allocation) {
            if (allocation->context != function.context && !function.context->peers.count(allocation->context))
                standin::misuse(function.name + " is given memory of another card: " + where(address));
            if (inside % element != 0)
                standin::misuse(function.name + " is given a misaligned pointer: " + where(address));
            Shadow *shadow = shadow_of(*allocation, element) + inside / element;
            pointers[i] = {allocation->data + inside, (allocation->bytes - inside) / element, shadow};
        }
        arguments[i] = &pointers[i];
    }
    uint32_t number = ++launches;
    // The order of threads makes no difference.
    int backwards = order().kind == Order::NOW ? 0 : number % 2;
    if (const char *fault = function.launcher(arguments.data(), arguments.size(), blocks, threads, number, backwards))
        standin::misuse(fault + text);
}

API int cuLaunchKernel(void *handle, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                       unsigned block_y, unsigned block_z, unsigned shared, void *of, void **parameters, void **extra) {
    Guard guard(lock);
    CHECK(standin::injected("cuLaunchKernel"));
    const char *name = "cuLaunchKernel";
    Stream *stream;
    Function *function;
    CHECK(check_stream(name, of, stream));
    CHECK(check_handle(name, functions, handle, function));
    if (grid_x == 0 || grid_x > 0x7fffffff || block_x == 0 || block_x > 1024)
        return failed(name, INVALID_VALUE, std::to_string(grid_x) + " blocks of " + std::to_string(block_x) + " threads");
    if (grid_y != 1 || grid_z != 1 || block_y != 1 || block_z != 1 || shared != 0 || extra)
        return failed(name, INVALID_VALUE, "the stand-in knows one dimension, and no shared memory or `extra`");
    if (!parameters && !function->parameters.empty())
        return failed(name, INVALID_VALUE, "no arguments");
    std::vector<std::vector<char>> values;
    for (size_t i = 0; i < function->parameters.size(); i++) {
        const char *value = static_cast<const char *>(parameters[i]);
        if (!value)
            return failed(name, INVALID_VALUE, "argument " + std::to_string(i) + " is null");
        values.emplace_back(value, value + function->parameters[i].bytes);
    }
    Work work = {};
    work.what = name;
    work.run = [=, values = std::move(values)] { run_kernel(*function, values, grid_x, block_x); };
    return enqueue(*stream, std::move(work));
}

// ---- Names of results

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
