// Shows the last observations together.
//
// Facts: each field of shape [n] becomes [steps, n], the oldest first and the present last. At the
// reset all of them are the first observation.
// Refused: goal fields, which must keep their shape.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

void Repeat(int64_t times, std::vector<double>* bounds) {
  const size_t count = bounds->size();
  if (count < 2) return;
  bounds->reserve(count * times);
  while (bounds->size() < count * times) bounds->push_back((*bounds)[bounds->size() - count]);
}

class History : public EnvWrapper {
 public:
  struct Config {
    int64_t steps = 3;
    std::vector<std::string> fields;
    void Visit(ConfigVisitor& v) {
      v.Field("steps", steps, "Observations shown, the present one included.", Between(1, 1000));
      v.Field("fields", fields, "Fields that are shown so; empty: all but goals.");
    }
  };

  History(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        steps_(config.steps),
        memory_(spec().observation),
        stacks_(spec().observation.size()) {
    mutable_spec().mirror.reset();
    for (int field : SelectFields(spec(), config.fields, FieldKind::kAny)) {
      FieldSpec& stacked = mutable_spec().observation[field];
      stacked.shape.insert(stacked.shape.begin(), steps_);
      Repeat(steps_, &stacked.low);
      Repeat(steps_, &stacked.high);
      stacks_[field].resize(stacked.bytes());
    }
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, memory_.observation());
    for (size_t i = 0; i < stacks_.size(); ++i) {
      const absl::Span<const uint8_t> now = memory_.field(static_cast<int>(i));
      if (stacks_[i].empty()) continue;
      std::copy(stacks_[i].begin() + now.size(), stacks_[i].end(), stacks_[i].begin());
      std::copy(now.begin(), now.end(), stacks_[i].end() - now.size());
    }
    Write(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, memory_.observation());
    for (size_t i = 0; i < stacks_.size(); ++i) {
      const absl::Span<const uint8_t> now = memory_.field(static_cast<int>(i));
      for (size_t at = 0; at < stacks_[i].size(); at += now.size()) {
        std::copy(now.begin(), now.end(), stacks_[i].begin() + at);
      }
    }
    Write(observation);
  }

  void Keep(StateArchive& state) override { state.Keep(stacks_); }

 private:
  void Write(Observation& observation) const {
    for (size_t i = 0; i < stacks_.size(); ++i) {
      const absl::Span<const uint8_t> from =
          stacks_[i].empty() ? memory_.field(static_cast<int>(i)) : absl::MakeConstSpan(stacks_[i]);
      std::copy(from.begin(), from.end(), observation.fields()[i].begin());
    }
  }

  const int64_t steps_;
  ObservationMemory memory_;
  std::vector<std::vector<uint8_t>> stacks_;  // By field; empty: shown as it is.
};

}  // namespace

absl::Status RegisterHistory(EnvRegistry& registry) {
  return RegisterWrapper<History>(registry, "history", "Shows the last observations together.");
}

}  // namespace armature
