// Streams and events. A part of `driver.cpp`.

#pragma once

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
