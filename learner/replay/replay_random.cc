#include "learner/replay/replay_random.h"

#include "ATen/CPUGeneratorImpl.h"
#include "absl/strings/str_cat.h"
#include "common/policy/generator.h"

namespace armature {

ReplayRandom::ReplayRandom(uint64_t seed) : generator_(MakeGenerator(c10::kCPU, seed)) {}

uint64_t ReplayRandom::Bits() { return generator_.get<at::CPUGeneratorImpl>()->random64(); }

int64_t ReplayRandom::Index(int64_t count) {
  // Multiply and shift (Lemire 2019); the bias is below count / 2^64.
  return static_cast<int64_t>((static_cast<unsigned __int128>(Bits()) * count) >> 64);
}

double ReplayRandom::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1.0p-53; }

at::Tensor ReplayRandom::State() const { return generator_.get_state(); }

absl::Status ReplayRandom::Check(const at::Tensor& state) const {
  const int64_t bytes = generator_.get_state().numel();
  if (state.scalar_type() == at::kByte && state.numel() == bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("replay.generator has ", state.numel(),
                                                 " values, expected uint8 [", bytes, "]"));
}

void ReplayRandom::Load(const at::Tensor& state) { generator_.set_state(state); }

}  // namespace armature
