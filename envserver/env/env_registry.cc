#include "envserver/env/env_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/config/config.h"

namespace armature {
namespace {

constexpr char kSource[] = "env_config";
constexpr char kWrappersKey[] = "wrappers";

struct WrapperList {
  std::vector<std::string> wrappers;
  void Visit(ConfigVisitor& v) { v.Field(kWrappersKey, wrappers, "Innermost first."); }
};

absl::Status CheckSpec(const Env& env, absl::string_view env_id) {
  if (absl::Status status = env.spec().Validate(); !status.ok()) {
    return absl::FailedPreconditionError(status.message());
  }
  if (env.spec().id != env_id) {
    return absl::FailedPreconditionError(
        absl::StrCat("environment '", env_id, "' calls itself '", env.spec().id, "' in its spec"));
  }
  return absl::OkStatus();
}

}  // namespace

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
  absl::StatusOr<DividedConfig> divided = Divide(entry->second, config);
  if (!divided.ok()) return divided.status();
  absl::StatusOr<std::unique_ptr<Env>> env = entry->second.factory(divided->env);
  if (!env.ok()) return env;
  if (absl::Status status = CheckSpec(**env, env_id); !status.ok()) return status;
  int place = 0;
  for (const std::string& name : divided->wrappers) {
    env = wrappers_.find(name)->second.factory(*std::move(env), place++, divided->wrapper[name]);
    if (!env.ok()) return env;
    if (absl::Status status = CheckSpec(**env, env_id); !status.ok()) {
      return absl::FailedPreconditionError(
          absl::StrCat("wrapper '", name, "': ", status.message()));
    }
  }
  return env;
}

absl::Status EnvRegistry::RegisterWrapper(absl::string_view name, absl::string_view description,
                                          WrapperFactory factory, EnvKeys keys) {
  if (name.empty() || absl::StrContains(name, '.')) {
    return absl::InvalidArgumentError(
        absl::StrCat("wrapper '", name, "': expected a name without a dot"));
  }
  const bool inserted =
      wrappers_
          .emplace(std::string(name),
                   WrapperEntry{std::string(description), std::move(factory), std::move(keys)})
          .second;
  if (inserted) return absl::OkStatus();
  return absl::AlreadyExistsError(absl::StrCat("wrapper '", name, "' is registered already"));
}

absl::Status EnvRegistry::CheckWrappers(const std::vector<std::string>& wrappers) const {
  for (auto name = wrappers.begin(); name != wrappers.end(); ++name) {
    if (wrappers_.find(*name) == wrappers_.end()) {
      const std::string nearest = NearestName(*name, wrapper_names());
      return absl::InvalidArgumentError(
          absl::StrCat(kSource, ": unknown wrapper '", *name, "'",
                       nearest.empty() ? ";" : absl::StrCat("; did you mean '", nearest, "'?"),
                       " there are: ", absl::StrJoin(wrapper_names(), ", ")));
    }
    if (std::find(wrappers.begin(), name, *name) != name) {
      return absl::InvalidArgumentError(
          absl::StrCat(kSource, ": wrappers lists '", *name, "' twice"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<EnvRegistry::DividedConfig> EnvRegistry::Divide(const Entry& entry,
                                                               const EnvConfig& config) const {
  absl::StatusOr<EnvConfig> flat = FlattenKeys(config, kSource);
  if (!flat.ok()) return flat.status();
  DividedConfig divided;
  if (auto list = flat->extract(kWrappersKey); !list.empty()) {
    WrapperList wrappers;
    absl::Status status = LoadMap({{kWrappersKey, list.mapped()}}, kSource, ConfigOf(wrappers));
    status.Update(CheckWrappers(wrappers.wrappers));
    if (!status.ok()) return status;
    divided.wrappers = std::move(wrappers.wrappers);
  }
  for (const auto& [key, value] : *flat) {
    const size_t dot = key.find('.');
    const std::string name = key.substr(0, dot);
    if (dot == std::string::npos || wrappers_.find(name) == wrappers_.end()) {
      divided.env[key] = value;
      continue;
    }
    const std::vector<std::string>& listed = divided.wrappers;
    if (std::find(listed.begin(), listed.end(), name) != listed.end()) {
      divided.wrapper[name][key.substr(dot + 1)] = value;
      continue;
    }
    // A key of the environment may look like that of a wrapper.
    const std::vector<KeyDescription> known =
        entry.keys == nullptr ? std::vector<KeyDescription>() : entry.keys();
    const auto is_key = [&key = key](const KeyDescription& each) { return each.key == key; };
    if (std::none_of(known.begin(), known.end(), is_key)) {
      return absl::InvalidArgumentError(absl::StrCat(
          kSource, ": '", key, "' is a key of the wrapper '", name, "', and wrappers lists ",
          listed.empty() ? "none" : absl::StrCat("only ", absl::StrJoin(listed, ", "))));
    }
    divided.env[key] = value;
  }
  return divided;
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

std::vector<std::string> EnvRegistry::wrapper_names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : wrappers_) names.push_back(name);
  return names;
}

std::string EnvRegistry::wrapper_description(absl::string_view name) const {
  const auto entry = wrappers_.find(name);
  return entry == wrappers_.end() ? "" : entry->second.description;
}

std::vector<KeyDescription> EnvRegistry::wrapper_keys(absl::string_view name) const {
  const auto entry = wrappers_.find(name);
  if (entry == wrappers_.end() || entry->second.keys == nullptr) return {};
  std::vector<KeyDescription> keys = entry->second.keys();
  for (KeyDescription& key : keys) key.key = absl::StrCat(name, ".", key.key);
  return keys;
}

}  // namespace armature
