#include "envserver/env/env_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"

namespace armature {

absl::Status EnvRegistry::Register(absl::string_view env_id, absl::string_view description,
                                   EnvFactory factory, EnvKeys keys) {
  const bool inserted =
      entries_
          .emplace(std::string(env_id),
                   Entry{std::string(description), std::move(factory), std::move(keys)})
          .second;
  if (!inserted) {
    return absl::AlreadyExistsError(
        absl::StrCat("environment '", env_id, "' is registered already"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Env>> EnvRegistry::Make(absl::string_view env_id,
                                                       const EnvConfig& config) const {
  const auto entry = entries_.find(env_id);
  if (entry == entries_.end()) {
    const std::string nearest = NearestName(env_id, env_ids());
    return absl::NotFoundError(
        absl::StrCat("unknown environment '", env_id, "'",
                     nearest.empty() ? "." : absl::StrCat("; did you mean '", nearest, "'?"),
                     " Hosted here: ", absl::StrJoin(env_ids(), ", ")));
  }
  absl::StatusOr<std::unique_ptr<Env>> env = entry->second.factory(config);
  if (!env.ok()) return env;
  if (absl::Status status = (*env)->spec().Validate(); !status.ok()) {
    return absl::FailedPreconditionError(status.message());
  }
  if ((*env)->spec().id != env_id) {
    return absl::FailedPreconditionError(absl::StrCat("environment '", env_id, "' calls itself '",
                                                      (*env)->spec().id, "' in its spec"));
  }
  return env;
}

std::vector<std::string> EnvRegistry::env_ids() const {
  std::vector<std::string> ids;
  for (const auto& [id, entry] : entries_) ids.push_back(id);
  return ids;
}

std::string EnvRegistry::description(absl::string_view env_id) const {
  const auto entry = entries_.find(env_id);
  return entry == entries_.end() ? "" : entry->second.description;
}

std::vector<KeyDescription> EnvRegistry::keys(absl::string_view env_id) const {
  const auto entry = entries_.find(env_id);
  if (entry == entries_.end() || entry->second.keys == nullptr) return {};
  return entry->second.keys();
}

}  // namespace armature
