// A stand-in for NVIDIA's driver: cards that are none, on which every call and every access is checked.
//
// Streams are queues. Their work runs as late as it may (when it is waited for), at once, or at moments drawn by chance:
// see README.md.

#include "driver/objects.hpp"
#include "driver/queues.hpp"
#include "driver/checks.hpp"
#include "driver/devices.hpp"
#include "driver/memory.hpp"
#include "driver/copies.hpp"
#include "driver/streams.hpp"
#include "driver/graphs.hpp"
#include "driver/kernels.hpp"
