// Memory of cards and pinned memory of the host. A part of `driver.cpp`.

#pragma once

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
