// Tells ThreadSanitizer that what a thread did before it started a batch of
// operations comes before the reaction to it: the system's gRPC hands batches over
// by atomics of its own, which TSan does not see. See absl_annotations.cc.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include "grpcpp/support/callback_common.h"

namespace {

using grpc::internal::CallbackWithStatusTag;
using grpc::internal::CallbackWithSuccessTag;

// Built without access control: StaticRun is private.
template <typename Tag>
void Run(grpc_completion_queue_functor* functor, int ok) {
  __tsan_acquire(functor);
  Tag::StaticRun(functor, ok);
}

template <typename Tag>
void Wrap(grpc_completion_queue_functor* functor) {
  if (functor->functor_run == &Tag::StaticRun) functor->functor_run = &Run<Tag>;
}

}  // namespace

extern "C" grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t nops,
                                                 void* tag, void* reserved) {
  static const auto real =
      reinterpret_cast<decltype(&grpc_call_start_batch)>(dlsym(RTLD_NEXT, "grpc_call_start_batch"));
  if (tag != nullptr) {
    // The tags of gRPC C++ are objects: of a callback, they begin with the functor.
    auto* functor = static_cast<grpc_completion_queue_functor*>(tag);
    Wrap<CallbackWithSuccessTag>(functor);
    Wrap<CallbackWithStatusTag>(functor);
    __tsan_release(tag);
  }
  return real(call, ops, nops, tag, reserved);
}
