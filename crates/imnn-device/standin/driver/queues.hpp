// Where memory lies, and when the work of streams runs. A part of `driver.cpp`.

#pragma once

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
