#include "common/rpc/callback_threads.h"

#include "absl/synchronization/notification.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace armature {
namespace {

// Returns a channel that holds the threads: it has made a call with a callback. Without credentials
// it connects to nothing, and the call fails at once.
grpc::GenericStub* HoldThreads() {
  auto* const stub = new grpc::GenericStub(grpc::CreateChannel("", nullptr));
  grpc::ClientContext context;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request(&nothing, 1);
  grpc::ByteBuffer response;
  absl::Notification failed;
  stub->UnaryCall(&context, "", {}, &request, &response,
                  [&failed](const grpc::Status&) { failed.Notify(); });
  failed.WaitForNotification();
  return stub;
}

}  // namespace

void KeepCallbackThreads() {
  static const grpc::GenericStub* const kept = HoldThreads();
  static_cast<void>(kept);
}

}  // namespace armature
