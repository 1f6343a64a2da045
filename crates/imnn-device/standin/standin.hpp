// What the stand-ins of the driver, the compiler and cuBLAS share.

#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#define API extern "C" __attribute__((visibility("default")))
#define SHARED __attribute__((visibility("default")))

// What the compiler's machine code begins with; the driver is given no length.
struct Image {
    char magic[8];
    uint64_t bytes;
    uint32_t architecture, reserved;
};
static const char MAGIC[8] = {'S', 'T', 'A', 'N', 'D', 'I', 'N', '1'};

// How a kernel takes an argument: so many bytes, which are a pointer to elements of so many bytes, or 0 for none.
struct Parameter {
    uint32_t bytes, element;
};

// What is known of each number of memory, as in `emulated.hpp`.
struct Shadow {
    uint64_t writer, reader;
};

// A checked pointer, as in `emulated.hpp`.
struct Pointer {
    void *data;
    size_t len;
    Shadow *shadow;
};

typedef const char *Launcher(void **arguments, size_t n, unsigned blocks, unsigned threads, uint32_t number,
                             int backwards);

// Of the driver, for cuBLAS.
namespace standin {
// The current context of the thread, or nothing.
SHARED const void *current();
// Whether a capture is under way on the stream.
SHARED bool capturing(void *stream);
// The context of a stream, or nothing.
SHARED const void *context_of(void *stream);
// Waits for all of the current context, which no capture may be under way on; a CUresult.
SHARED int synchronise(const char *function);
// Orders work on a stream, or captures it; a CUresult.
SHARED int order(void *stream, const char *what, std::function<void()> work);
// Where memory of a device lies on the host. Ends the program if it is not all there.
SHARED char *memory(uint64_t address, size_t bytes, const char *what);
// The result of a call that a test wants to fail, or 0.
SHARED int injected(const char *function);
// Counts a handle that has to be given back before the context is.
SHARED void count(const void *context, int change);
// Ends the program: a misuse that NVIDIA's libraries would not see.
[[noreturn]] SHARED void misuse(const std::string &text);
} // namespace standin
