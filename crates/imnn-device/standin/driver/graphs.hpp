// Captures and graphs. A part of `driver.cpp`.

#pragma once

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
