#include "envserver/wrappers/env_wrapper.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

// Keeps a wrapper's generator apart from the environment's, which has the seed alone.
constexpr uint64_t kWrapperStream = 0x77726170;

// Ends a wrapper's state.
struct Trailer {
  uint64_t own_bytes;
  uint64_t mark;
};
constexpr uint64_t kMark = 0x706172775f766e65;

}  // namespace

EnvWrapper::EnvWrapper(std::unique_ptr<Env> inner, int place)
    : inner_(std::move(inner)), place_(place), spec_(inner_->spec()) {}

void EnvWrapper::Reset(uint64_t seed, Observation& observation) {
  seed_ = seed;
  rng_.reset();
  parameters_ = next_parameters_;
  Begin(seed, observation);
}

Rng& EnvWrapper::rng() {
  if (!rng_.has_value()) {
    rng_.emplace(Rng({seed_, kWrapperStream, static_cast<uint64_t>(place_)}));
  }
  return *rng_;
}

int EnvWrapper::AddParameter(const ParameterSpec& parameter) {
  for (const ParameterSpec& other : spec_.parameters) {
    if (other.name == parameter.name) {
      throw WrapperError(absl::StrCat(spec_.id, " has a parameter '", parameter.name, "' already"));
    }
  }
  spec_.parameters.push_back(parameter);
  parameters_.push_back(parameter.initial);
  next_parameters_.push_back(parameter.initial);
  return static_cast<int>(parameters_.size()) - 1;
}

void EnvWrapper::SetParameters(absl::Span<const double> values) {
  const size_t inner_count = values.size() - next_parameters_.size();
  inner_->SetParameters(values.subspan(0, inner_count));
  const absl::Span<const double> own = values.subspan(inner_count);
  next_parameters_.assign(own.begin(), own.end());
}

void EnvWrapper::KeepAll(StateArchive& state) {
  std::string generator = state.is_saving() && rng_.has_value() ? rng_->State() : "";
  state.Keep(generator);
  state.Keep(seed_);
  state.Keep(parameters_);
  state.Keep(next_parameters_);
  Keep(state);
  if (state.is_saving() || !state.ok()) return;
  rng_.reset();
  if (!generator.empty()) state.Check(rng().SetState(generator));
}

absl::Status EnvWrapper::SaveState(std::string* state) {
  if (absl::Status status = inner_->SaveState(state); !status.ok()) return status;
  const size_t begin = state->size();
  StateArchive archive = StateArchive::Saving(state);
  KeepAll(archive);
  const Trailer trailer{state->size() - begin, kMark};
  state->append(reinterpret_cast<const char*>(&trailer), sizeof(trailer));
  return absl::OkStatus();
}

absl::Status EnvWrapper::RestoreState(absl::string_view state) {
  if (!spec_.saves_state) return inner_->RestoreState(state);
  const absl::Status refused =
      absl::InvalidArgumentError("the state is not of this environment with these wrappers");
  Trailer trailer;
  if (state.size() < sizeof(trailer)) return refused;
  std::memcpy(&trailer, state.data() + state.size() - sizeof(trailer), sizeof(trailer));
  state.remove_suffix(sizeof(trailer));
  if (trailer.mark != kMark || trailer.own_bytes > state.size()) return refused;
  std::string before;
  StateArchive saving = StateArchive::Saving(&before);
  KeepAll(saving);
  const size_t inner_bytes = state.size() - trailer.own_bytes;
  StateArchive restoring = StateArchive::Restoring(state.substr(inner_bytes));
  KeepAll(restoring);
  absl::Status status =
      restoring.complete() ? inner_->RestoreState(state.substr(0, inner_bytes)) : refused;
  if (!status.ok()) {
    StateArchive undoing = StateArchive::Restoring(before);
    KeepAll(undoing);
  }
  return status;
}

BulletWorld& EnvWrapper::NeedWorld() {
  BulletWorld* world = inner_->world();
  if (world != nullptr) return *world;
  throw WrapperError(absl::StrCat(spec_.id, " does not run in this server's Bullet world"));
}

void EnvWrapper::NeedBox() const {
  if (!spec_.action.is_discrete()) return;
  throw WrapperError(absl::StrCat(spec_.id, "'s action is ", spec_.action.ToString(),
                                  "; expected a Box, with bounds"));
}

}  // namespace armature
