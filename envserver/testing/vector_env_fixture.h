// Opens and steps a VectorEnv of test environments, and waits for each answer.
#ifndef ARMATURE_ENVSERVER_TESTING_VECTOR_ENV_FIXTURE_H_
#define ARMATURE_ENVSERVER_TESTING_VECTOR_ENV_FIXTURE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "common/tensor/packed.h"
#include "envserver/env/env_registry.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "envserver/testing/test_envs.h"
#include "gtest/gtest.h"

namespace armature {

inline constexpr absl::Duration kNever = absl::Hours(1);
inline constexpr absl::Duration kSoon = absl::Milliseconds(50);

class VectorEnvTest : public ::testing::Test {
 protected:
  VectorEnvTest() { EXPECT_TRUE(RegisterTestEnvs(registry_, gate_).ok()); }
  ~VectorEnvTest() override {
    gate_->Open();
    if (env_ != nullptr) env_->Close();
  }

  absl::Status Open(VectorEnvOptions options, int64_t threads = 2,
                    absl::Duration timeout = kNever) {
    pool_ = std::make_unique<StepPool>(StepPool::Options{threads, timeout});
    absl::Notification opened;
    absl::Status status;
    VectorEnv::Open(
        &registry_, pool_.get(), options, [](const EnvSpec&) { return absl::OkStatus(); },
        [&](absl::StatusOr<std::shared_ptr<VectorEnv>> env) {
          status = env.status();
          if (env.ok()) env_ = *env;
          opened.Notify();
        });
    opened.WaitForNotification();
    return status;
  }

  StepOutcome Reset(int64_t group = 0, std::optional<uint64_t> seed = std::nullopt) {
    absl::Notification ready;
    StepOutcome outcome;
    std::vector<SlotSeed> seeds;
    if (seed.has_value()) seeds = env_->SeedsFrom(*seed, group);
    env_->ResetGroup(group, std::move(seeds), [&](const StepOutcome& result) {
      outcome = result;
      ready.Notify();
    });
    ready.WaitForNotification();
    return outcome;
  }

  StepOutcome Step(const std::vector<float>& action, int64_t group = 0) {
    absl::Notification ready;
    StepOutcome outcome;
    EXPECT_TRUE(env_->StepGroup(group, ActionTensor(action),
                                [&](const StepOutcome& result) {
                                  outcome = result;
                                  ready.Notify();
                                })
                    .ok());
    ready.WaitForNotification();
    return outcome;
  }

  absl::StatusOr<std::string> Save(int64_t slot) {
    absl::Notification ready;
    absl::StatusOr<std::string> state;
    EXPECT_TRUE(env_->SaveState(slot,
                                [&](absl::StatusOr<std::string> result) {
                                  state = std::move(result);
                                  ready.Notify();
                                })
                    .ok());
    ready.WaitForNotification();
    return state;
  }

  absl::StatusOr<v1::SlotRestored> Restore(int64_t slot, const std::string& state) {
    absl::Notification ready;
    absl::StatusOr<v1::SlotRestored> restored;
    EXPECT_TRUE(env_->RestoreState(slot, state,
                                   [&](absl::StatusOr<v1::SlotRestored> result) {
                                     restored = std::move(result);
                                     ready.Notify();
                                   })
                    .ok());
    ready.WaitForNotification();
    return restored;
  }

  v1::Tensor ActionTensor(const std::vector<float>& values) const {
    v1::Tensor tensor;
    const int64_t size = env_->spec().action.size();
    SetTensor<float>({static_cast<int64_t>(values.size()) / size, size}, values, &tensor);
    return tensor;
  }

  std::shared_ptr<HangGate> gate_ = std::make_shared<HangGate>();
  EnvRegistry registry_;
  std::unique_ptr<StepPool> pool_;
  std::shared_ptr<VectorEnv> env_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_TESTING_VECTOR_ENV_FIXTURE_H_
