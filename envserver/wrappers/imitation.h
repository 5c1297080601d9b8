// What the two wrappers that reward imitation have in common: the reward
//   r = alpha r_im + (1 - alpha) r_env,  r_im = beta s(d_motion) + (1 - beta) s(d_gripper)
// in which d are distances from what the expert does and the similarity s is 1 at 0 and 1/2 at
// iota: gaussian, 2^-(d / iota)^2 (as DeepMimic's, Peng et al. 2018, arXiv:1804.02717), or tanh,
// 1 - tanh(artanh(1/2) d / iota). Without a gripper r_im = s(d_motion).
//
// Metrics: "KIND_imitation/reward", the mean of r_im, and "KIND_imitation/task_reward", the sum of
// r_env. Goals: r_im is a goal extra of the step, so hindsight computes alpha r_im + (1 - alpha)
// r_env for the other goal: what is imitated stays what the expert did for the episode's own goal.
// Thread safety, errors: see EnvWrapper.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_IMITATION_H_
#define ARMATURE_ENVSERVER_WRAPPERS_IMITATION_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/types/span.h"
#include "common/config/config.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/expert.h"

namespace armature {

struct ImitationConfig {
  double alpha = 0.25;
  double beta = 0.5;
  std::string similarity = "gaussian";
  double iota_motion = 0.1;
  double iota_gripper = 0.25;
  ExpertConfig expert;

  void Visit(ConfigVisitor& v) {
    v.Field("alpha", alpha, "Share of the imitation in the reward.", Between(0, 1));
    v.Field("beta", beta, "Share of the motion in the imitation, if there is a gripper.",
            Between(0, 1));
    v.Field("similarity", similarity, "Falls with the distance as this.",
            OneOf({"gaussian", "tanh"}));
    v.Field("iota_motion", iota_motion, "Distance of motions whose similarity is 1/2.",
            MoreThan(0));
    v.Field("iota_gripper", iota_gripper, "Distance of grippers whose similarity is 1/2.",
            MoreThan(0));
    v.Section("expert", expert, "Who is imitated.");
  }
};

double Similarity(const std::string& kind, double distance, double iota);
// r_im. `has_gripper`: whether there is one.
double ImitationReward(const ImitationConfig& config, double motion, bool has_gripper,
                       double gripper);

class ImitationWrapper : public EnvWrapper {
 public:
  absl::Status ComputeReward(const GoalPairs& goals, absl::Span<float> reward,
                             absl::Span<uint8_t> terminated) const override;
  void ReadMetrics(absl::Span<float> metrics) const override;
  void ReadGoalExtra(absl::Span<float> extra) const override;

 protected:
  // `kind`: "action" or "state".
  ImitationWrapper(std::unique_ptr<Env> env, int place, const std::string& kind,
                   const ImitationConfig& config);

  // Returns the inner environment's step with the reward that has r_im in it, and ended if the
  // wrapper ends it.
  StepResult Mix(StepResult step, double imitation, bool ends);

  const ImitationConfig& config() const { return config_; }
  Expert& expert() { return *expert_; }

 private:
  float Reward(float task, float imitation) const;

  const ImitationConfig config_;
  const std::unique_ptr<Expert> expert_;
  // Of the last step: r_im, and whether the wrapper has ended the episode.
  std::array<float, 2> extra_ = {0, 0};
  float task_reward_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_IMITATION_H_
