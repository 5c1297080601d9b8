#include "envserver/bullet/testing/allocations.h"

#include <cstddef>

namespace {
__attribute__((tls_model("initial-exec"))) thread_local long t_allocations = 0;
}  // namespace

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
extern "C" {
void* __libc_malloc(size_t size);
void* __libc_memalign(size_t alignment, size_t size);

void* malloc(size_t size) {
  ++t_allocations;
  return __libc_malloc(size);
}
void* aligned_alloc(size_t alignment, size_t size) {
  ++t_allocations;
  return __libc_memalign(alignment, size);
}
}
#endif

namespace armature {

long Allocations() { return t_allocations; }

}  // namespace armature
