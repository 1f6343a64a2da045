// Copies, and filling with a byte. A part of `driver.cpp`.

#pragma once

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
