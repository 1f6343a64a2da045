// Modules, and launches of kernels. A part of `driver.cpp`.

#pragma once

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
