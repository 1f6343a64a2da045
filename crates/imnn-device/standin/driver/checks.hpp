// Checks that many calls begin with, and what cuBLAS asks of the driver. A part of `driver.cpp`.

#pragma once

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
