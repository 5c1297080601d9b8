// Registers environments and wrappers by name, and creates environments.
//
// The key `wrappers` of any environment's config lists the wrappers that are put around it,
// innermost first; the keys of the wrapper NAME are NAME.KEY.
// Thread safety: filled by one thread at startup, const afterwards.
#ifndef ARMATURE_ENVSERVER_ENV_ENV_REGISTRY_H_
#define ARMATURE_ENVSERVER_ENV_ENV_REGISTRY_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/config/config.h"
#include "envserver/env/env.h"

namespace armature {

// The environment's own keys; values are YAML text, see common/config. A value that is a map stands
// for dotted keys: {latency: "{action_steps: 2}"} is {latency.action_steps: "2"}. Factories get
// dotted keys only.
using EnvConfig = std::map<std::string, std::string>;

// Creates one environment; called from several threads at once. Returns InvalidArgument for an
// unknown key or a bad value.
using EnvFactory = std::function<absl::StatusOr<std::unique_ptr<Env>>(const EnvConfig&)>;

// Returns the keys that an environment knows, with their default values.
using EnvKeys = std::function<std::vector<KeyDescription>()>;

// Puts a wrapper around `inner`, which it then owns. `place` counts an environment's wrappers from
// the innermost, 0; with the episode's seed it seeds a wrapper. `config` has the wrapper's own
// keys, without its name. Called from several threads at once. Returns InvalidArgument for an
// unknown key, a bad value or an environment that it cannot wrap.
using WrapperFactory = std::function<absl::StatusOr<std::unique_ptr<Env>>(
    std::unique_ptr<Env> inner, int place, const EnvConfig& config)>;

class EnvRegistry {
 public:
  // Returns AlreadyExists if the name is taken.
  absl::Status Register(absl::string_view env_id, absl::string_view description, EnvFactory factory,
                        EnvKeys keys = nullptr);

  // `keys` as an environment's, without the wrapper's name. Returns AlreadyExists if the name is
  // taken, InvalidArgument if it has a dot in it.
  absl::Status RegisterWrapper(absl::string_view name, absl::string_view description,
                               WrapperFactory factory, EnvKeys keys);

  // Makes an environment with its wrappers. Returns NotFound for an unknown name (the message gives
  // the nearest name and all names); InvalidArgument for wrappers that are unknown or listed twice,
  // and for keys of wrappers that are not listed; the factories' errors; FailedPrecondition if the
  // environment's spec is invalid, before or after a wrapper, or its id differs from the registered
  // name.
  absl::StatusOr<std::unique_ptr<Env>> Make(absl::string_view env_id,
                                            const EnvConfig& config) const;

  std::vector<std::string> env_ids() const;  // Sorted.
  // Empty for an unknown name.
  std::string description(absl::string_view env_id) const;
  // Empty for an unknown name, and for an environment that does not say.
  std::vector<KeyDescription> keys(absl::string_view env_id) const;

  std::vector<std::string> wrapper_names() const;  // Sorted.
  // Empty for an unknown name.
  std::string wrapper_description(absl::string_view name) const;
  // Empty for an unknown name. Their names begin with the wrapper's.
  std::vector<KeyDescription> wrapper_keys(absl::string_view name) const;

 private:
  struct Entry {
    std::string description;
    EnvFactory factory;
    EnvKeys keys;
  };
  struct WrapperEntry {
    std::string description;
    WrapperFactory factory;
    EnvKeys keys;
  };
  // An environment's config, divided.
  struct DividedConfig {
    EnvConfig env;
    std::vector<std::string> wrappers;         // Innermost first.
    std::map<std::string, EnvConfig> wrapper;  // Keys by wrapper.
  };

  absl::StatusOr<DividedConfig> Divide(const Entry& entry, const EnvConfig& config) const;
  absl::Status CheckWrappers(const std::vector<std::string>& wrappers) const;

  std::map<std::string, Entry, std::less<>> entries_;
  std::map<std::string, WrapperEntry, std::less<>> wrappers_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ENV_ENV_REGISTRY_H_
