// Asks a learner about the progress of its run.
#ifndef ARMATURE_DEPLOY_LAUNCHER_REPORT_LEARNER_STATUS_H_
#define ARMATURE_DEPLOY_LAUNCHER_REPORT_LEARNER_STATUS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/transport.h"
#include "proto/learner_service.pb.h"

namespace armature {

// Source of a StatusResponse; tests replace it.
class StatusSource {
 public:
  using OnStatus = std::function<void(absl::StatusOr<v1::StatusResponse>)>;

  virtual ~StatusSource() = default;
  // Asks the learner at `address`; never blocks. Calls `on_status` once, on any thread, within a
  // few seconds.
  virtual void Ask(const std::string& address, OnStatus on_status) = 0;
};

// Asks over gRPC. Thread safety: call Ask from one thread.
class LearnerStatus : public StatusSource {
 public:
  explicit LearnerStatus(TransportOptions transport) : transport_(std::move(transport)) {}
  void Ask(const std::string& address, OnStatus on_status) override;

 private:
  const TransportOptions transport_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // By address.
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_LAUNCHER_REPORT_LEARNER_STATUS_H_
