// Registers environments by name and creates them.
//
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

// The environment's own keys: flat, values as YAML text; see common/config.
using EnvConfig = std::map<std::string, std::string>;

// Creates one environment; called from several threads at once. Returns InvalidArgument for an
// unknown key or a bad value.
using EnvFactory = std::function<absl::StatusOr<std::unique_ptr<Env>>(const EnvConfig&)>;

// Returns the keys that an environment knows, with their default values.
using EnvKeys = std::function<std::vector<KeyDescription>()>;

class EnvRegistry {
 public:
  // Returns AlreadyExists if the name is taken.
  absl::Status Register(absl::string_view env_id, absl::string_view description, EnvFactory factory,
                        EnvKeys keys = nullptr);

  // Returns NotFound for an unknown name (the message gives the nearest name and all names); the
  // factory's errors; FailedPrecondition if the environment's spec is invalid or its id differs
  // from the registered name.
  absl::StatusOr<std::unique_ptr<Env>> Make(absl::string_view env_id,
                                            const EnvConfig& config) const;

  std::vector<std::string> env_ids() const;  // Sorted.
  // Empty for an unknown name.
  std::string description(absl::string_view env_id) const;
  // Empty for an unknown name, and for an environment that does not say.
  std::vector<KeyDescription> keys(absl::string_view env_id) const;

 private:
  struct Entry {
    std::string description;
    EnvFactory factory;
    EnvKeys keys;
  };
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ENV_ENV_REGISTRY_H_
