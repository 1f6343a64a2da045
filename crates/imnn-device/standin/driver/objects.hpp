// What there is: results, contexts, streams, events, graphs, kernels, memory, settings. A part of `driver.cpp`.

#pragma once
#include "../standin.hpp"
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
