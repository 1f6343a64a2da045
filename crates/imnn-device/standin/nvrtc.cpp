// A stand-in for NVRTC: compiles kernels for the host, with the checks of `emulated.hpp`.

#include "standin.hpp"
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <sstream>
#include <unistd.h>
#include <vector>

enum { SUCCESS = 0, INVALID_INPUT = 3, INVALID_PROGRAM = 4, INVALID_OPTION = 5, COMPILATION = 6 };

// The text of `emulated.hpp`, put here by the assembler.
extern "C" const char checks_begin[], checks_end[];
asm(".section .rodata\n"
    "checks_begin: .incbin \"" EMULATED_HPP "\"\n"
    "checks_end: .byte 0\n"
    ".previous\n");

// Tells the driver how each kernel takes its arguments.
static const char SIGNATURES[] = R"(
#include <type_traits>
#define __global__
#define __device__
#define __forceinline__ inline
struct StandinParameter {
    uint32_t bytes, element;
};
template <class T> struct Taken {
    static_assert(std::is_arithmetic<T>::value, "a kernel takes IN, OUT and numbers");
    static constexpr StandinParameter value = {sizeof(T), 0};
};
template <class T> struct Taken<Input<T>> {
    static constexpr StandinParameter value = {sizeof(void *), sizeof(T)};
};
template <class T> struct Taken<Output<T>> : Taken<Input<T>> {};
template <class... A> static size_t signature(void (*)(A...), const StandinParameter **parameters) {
    static const StandinParameter all[] = {Taken<A>::value..., {0, 0}};
    *parameters = all;
    return sizeof...(A);
}
#define SIGNATURE(name)                                                                                                 \
    extern "C" size_t signature_##name(const StandinParameter **parameters) { return signature(name, parameters); }
)";

static const int ARCHITECTURES[] = {70, 75, 80, 86, 89, 90, 100, 120};

struct Program {
    std::string source, log, code;
};

static std::recursive_mutex lock;
static std::set<Program *> programs;
// What has been compiled, by its source: compiling takes seconds, and the architecture makes no difference.
static std::map<std::string, std::string> compiled;

typedef std::lock_guard<std::recursive_mutex> Guard;

static int failed(const char *function, int status, const std::string &why) {
    fprintf(stderr, "stand-in: %s: %s (%d)\n", function, why.c_str(), status);
    return status;
}

static Program *known(void *program) {
    auto found = programs.find(static_cast<Program *>(program));
    return found == programs.end() ? nullptr : *found;
}

static std::string contents(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

// The names of all kernels, which begin their lines.
static std::vector<std::string> names(const std::string &source) {
    std::vector<std::string> found;
    std::istringstream lines(source);
    for (std::string line; std::getline(lines, line);)
        if (line.rfind("KERNEL ", 0) == 0)
            found.push_back(line.substr(7, line.find('(') - 7));
    return found;
}

// Runs the host's compiler. Its messages are the log.
static bool compile(Program &program) {
    auto before = compiled.find(program.source);
    if (before != compiled.end()) {
        program.code = before->second;
        return true;
    }
    const char *temporary = getenv("TMPDIR");
    std::string folder = std::string(temporary && *temporary ? temporary : "/tmp") + "/standin-XXXXXX";
    if (!mkdtemp(&folder[0])) {
        program.log = "no folder can be made for the compiler in " + folder;
        return false;
    }
    std::string text = std::string(checks_begin) + SIGNATURES + "#line 1 \"kernels.cu\"\n" + program.source + "\n";
    for (const std::string &name : names(program.source))
        text += "LAUNCHER(" + name + ")\nSIGNATURE(" + name + ")\n";
    std::string source = folder + "/kernels.cpp", made = folder + "/kernels.so", log = folder + "/log";
    std::ofstream(source) << text;
    const char *compiler = getenv("CXX");
    std::string command = std::string(compiler && *compiler ? compiler : "g++") +
                          " -std=c++17 -O1 -Wall -Wextra -shared -fPIC -fno-gnu-unique -o '" + made + "' '" + source +
                          "' > '" + log + "' 2>&1 < /dev/null";
    bool good = system(command.c_str()) == 0;
    program.log = contents(log);
    program.code = good ? contents(made) : "";
    for (const std::string &file : {source, made, log})
        unlink(file.c_str());
    rmdir(folder.c_str());
    if (good)
        compiled[program.source] = program.code;
    return good;
}

API int nvrtcVersion(int *major, int *minor) {
    if (!major || !minor)
        return failed("nvrtcVersion", INVALID_INPUT, "nowhere to put it");
    *major = 13;
    // None that there is: what it makes is kept under another name than what a real compiler makes.
    *minor = 999;
    return SUCCESS;
}

API int nvrtcGetNumSupportedArchs(int *number) {
    if (!number)
        return failed("nvrtcGetNumSupportedArchs", INVALID_INPUT, "nowhere to put it");
    *number = sizeof ARCHITECTURES / sizeof *ARCHITECTURES;
    return SUCCESS;
}

API int nvrtcGetSupportedArchs(int *architectures) {
    if (!architectures)
        return failed("nvrtcGetSupportedArchs", INVALID_INPUT, "nowhere to put them");
    memcpy(architectures, ARCHITECTURES, sizeof ARCHITECTURES);
    return SUCCESS;
}

API const char *nvrtcGetErrorString(int status) { return status == SUCCESS ? "success" : "see the stand-in's line"; }

API int nvrtcCreateProgram(void **program, const char *source, const char *, int n_headers, const char *const *,
                           const char *const *) {
    Guard guard(lock);
    if (!program || !source || n_headers != 0)
        return failed("nvrtcCreateProgram", INVALID_INPUT, "no source, or headers, which the stand-in does not take");
    Program *made = new Program;
    made->source = source;
    programs.insert(made);
    *program = made;
    return SUCCESS;
}

API int nvrtcDestroyProgram(void **program) {
    Guard guard(lock);
    Program *own = program ? known(*program) : nullptr;
    if (!own)
        return failed("nvrtcDestroyProgram", INVALID_PROGRAM, "no such program, or destroyed before");
    programs.erase(own);
    delete own;
    *program = nullptr;
    return SUCCESS;
}

API int nvrtcCompileProgram(void *program, int n_options, const char *const *options) {
    Guard guard(lock);
    Program *own = known(program);
    if (!own)
        return failed("nvrtcCompileProgram", INVALID_PROGRAM, "no such program");
    int architecture = 0;
    own->code.clear();
    for (int i = 0; i < n_options; i++) {
        std::string option = options[i], begin = "--gpu-architecture=sm_";
        if (option.rfind(begin, 0) == 0)
            for (int one : ARCHITECTURES)
                architecture = option == begin + std::to_string(one) ? one : architecture;
        else if (option != "--std=c++17")
            architecture = -1;
        if (architecture <= 0) {
            own->log = "unknown option " + option;
            return failed("nvrtcCompileProgram", INVALID_OPTION, own->log);
        }
    }
    if (architecture == 0)
        return failed("nvrtcCompileProgram", INVALID_OPTION, "no architecture is given, and the stand-in has no default");
    if (!compile(*own))
        return failed("nvrtcCompileProgram", COMPILATION, "see the log");
    Image image = {};
    memcpy(image.magic, MAGIC, sizeof MAGIC);
    image.bytes = own->code.size();
    image.architecture = architecture;
    own->code.insert(0, reinterpret_cast<const char *>(&image), sizeof image);
    return SUCCESS;
}

API int nvrtcGetCUBINSize(void *program, size_t *bytes) {
    Guard guard(lock);
    Program *own = known(program);
    if (!own || !bytes)
        return failed("nvrtcGetCUBINSize", INVALID_PROGRAM, "no such program");
    *bytes = own->code.size();
    return SUCCESS;
}

API int nvrtcGetCUBIN(void *program, char *code) {
    Guard guard(lock);
    Program *own = known(program);
    if (!own || !code || own->code.empty())
        return failed("nvrtcGetCUBIN", INVALID_PROGRAM, "no such program, or not compiled");
    memcpy(code, own->code.data(), own->code.size());
    return SUCCESS;
}

API int nvrtcGetProgramLogSize(void *program, size_t *bytes) {
    Guard guard(lock);
    Program *own = known(program);
    if (!own || !bytes)
        return failed("nvrtcGetProgramLogSize", INVALID_PROGRAM, "no such program");
    *bytes = own->log.size() + 1;
    return SUCCESS;
}

API int nvrtcGetProgramLog(void *program, char *log) {
    Guard guard(lock);
    Program *own = known(program);
    if (!own || !log)
        return failed("nvrtcGetProgramLog", INVALID_PROGRAM, "no such program");
    memcpy(log, own->log.c_str(), own->log.size() + 1);
    return SUCCESS;
}
