#include "common/play/onlooker.h"

namespace armature {
namespace {

class Nobody final : public Onlooker {
 public:
  absl::Status Begin(EnvSession*) override { return absl::OkStatus(); }
  absl::Status OnStep(const DecodedStep&) override { return absl::OkStatus(); }
  absl::StatusOr<bool> HasSeen(const EnvSession::Received&) override { return true; }
};

}  // namespace

Onlooker& Onlooker::Nobody() {
  static auto* const nobody = new class Nobody;
  return *nobody;
}

}  // namespace armature
