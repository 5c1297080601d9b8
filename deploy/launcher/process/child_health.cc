#include "deploy/launcher/process/child_health.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/support/byte_buffer.h"

namespace armature {
namespace {

constexpr char kCheck[] = "/grpc.health.v1.Health/Check";

// Whether the status is from the process itself, not from gRPC about a silent process.
bool IsAnswer(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
      return false;
    default:
      return true;
  }
}

// Starts connecting a socket to `address`, "host:port"; -1 if that fails.
int Connect(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return -1;
  absl::string_view host = absl::string_view(address).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(std::string(host).c_str(), address.c_str() + colon + 1, &hints, &found) != 0) {
    return -1;
  }
  const absl::Cleanup free_found = [found] { freeaddrinfo(found); };
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, found->ai_addr, found->ai_addrlen) == 0 || errno == EINPROGRESS) return fd;
  close(fd);
  return -1;
}

}  // namespace

// The data of one call, until it is over.
struct ChildHealth::RpcCall {
  std::unique_ptr<grpc::GenericStub> stub;
  grpc::ClientContext context;
  grpc::ByteBuffer request;
  grpc::ByteBuffer response;
};

ChildHealth::~ChildHealth() {
  while (!http_calls_.empty()) Close(http_calls_.begin()->first);
  absl::MutexLock lock(&mutex_);
  for (const auto& [raw, call] : rpc_calls_) call->context.TryCancel();
  const auto all_over = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return rpc_calls_.empty(); };
  mutex_.Await(absl::Condition(&all_over));
}

void ChildHealth::Ask(const std::string& rpc_address, const std::string& metrics_address,
                      absl::Duration timeout, OnAnswer on_answer) {
  if (!rpc_address.empty()) {
    AskRpc(rpc_address, timeout, std::move(on_answer));
  } else if (!metrics_address.empty()) {
    AskHttp(metrics_address, timeout, std::move(on_answer));
  } else {
    on_answer();
  }
}

void ChildHealth::AskRpc(const std::string& address, absl::Duration timeout, OnAnswer on_answer) {
  std::shared_ptr<grpc::Channel>& channel = channels_[address];
  if (channel == nullptr) {
    absl::StatusOr<std::shared_ptr<grpc::Channel>> made = MakeChannel(address, transport_);
    if (!made.ok()) {
      on_answer();  // Cannot ask; not the process's fault.
      return;
    }
    channel = *std::move(made);
  }
  auto call = std::make_shared<RpcCall>();
  call->stub = std::make_unique<grpc::GenericStub>(channel);
  call->context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
  const grpc::Slice empty;  // A HealthCheckRequest without a service: the whole server.
  call->request = grpc::ByteBuffer(&empty, 1);
  {
    absl::MutexLock lock(&mutex_);
    rpc_calls_[call.get()] = call;
  }
  RpcCall* const raw = call.get();
  raw->stub->UnaryCall(&raw->context, kCheck, grpc::StubOptions(), &raw->request, &raw->response,
                       [this, raw, on_answer = std::move(on_answer)](const grpc::Status& status) {
                         if (IsAnswer(status)) on_answer();
                         std::shared_ptr<RpcCall> over;  // Destroyed without the lock.
                         absl::MutexLock lock(&mutex_);
                         over = std::move(rpc_calls_.extract(raw).mapped());
                       });
}

void ChildHealth::AskHttp(const std::string& address, absl::Duration timeout, OnAnswer on_answer) {
  const int fd = Connect(address);
  if (fd < 0) return;
  const uint64_t number = ++http_calls_made_;
  http_calls_[fd] = {number, std::move(on_answer)};
  loop_->Watch(
      fd, [this, fd] { OnConnected(fd); }, POLLOUT);
  loop_->After(timeout, [this, fd, number] {
    const auto call = http_calls_.find(fd);
    if (call != http_calls_.end() && call->second.number == number) Close(fd);
  });
}

void ChildHealth::OnConnected(int fd) {
  // The send buffer of a new connection has room for this.
  constexpr absl::string_view kRequest = "GET /healthz HTTP/1.0\r\n\r\n";
  if (send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
    Close(fd);
    return;
  }
  loop_->Watch(
      fd, [this, fd] { OnHttpAnswer(fd); }, POLLIN);
}

void ChildHealth::OnHttpAnswer(int fd) {
  char byte = 0;
  const bool answered = recv(fd, &byte, 1, 0) > 0;
  const OnAnswer on_answer = std::move(http_calls_[fd].on_answer);
  Close(fd);
  if (answered) on_answer();
}

void ChildHealth::Close(int fd) {
  loop_->Unwatch(fd);
  http_calls_.erase(fd);
  close(fd);
}

}  // namespace armature
