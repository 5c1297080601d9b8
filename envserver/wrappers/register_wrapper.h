// Makes a wrapper class one that environment.config can name. A user's own is registered where the
// environments are:
//
//   absl::Status RegisterMine(EnvRegistry& registry) {
//     absl::Status status = RegisterTask<Balance>(registry, "balance", "...");
//     status.Update(RegisterWrapper<Halved>(registry, "halved", "..."));
//     return status;
//   }
#ifndef ARMATURE_ENVSERVER_WRAPPERS_REGISTER_WRAPPER_H_
#define ARMATURE_ENVSERVER_WRAPPERS_REGISTER_WRAPPER_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/config/config.h"
#include "envserver/env/env_registry.h"
#include "envserver/wrappers/env_wrapper.h"

namespace armature {

// Registers `WrapperType`, which has a struct Config with Visit (see common/config) and is
// constructed from (std::unique_ptr<Env> inner, int place, const Config&). What the constructor
// throws becomes InvalidArgument. Returns the registry's errors.
template <typename WrapperType>
absl::Status RegisterWrapper(EnvRegistry& registry, absl::string_view name,
                             absl::string_view description) {
  const auto make = [name = std::string(name)](
                        std::unique_ptr<Env> inner, int place,
                        const EnvConfig& keys) -> absl::StatusOr<std::unique_ptr<Env>> {
    typename WrapperType::Config config;
    const std::string source = absl::StrCat("env_config: wrapper ", name);
    absl::Status status = LoadMap(keys, source, ConfigOf(config));
    if (!status.ok()) return status;
    try {
      return std::make_unique<WrapperType>(std::move(inner), place, config);
    } catch (const std::exception& e) {
      return absl::InvalidArgumentError(absl::StrCat(source, ": ", e.what()));
    }
  };
  const auto describe = [] {
    typename WrapperType::Config config;
    return DescribeKeys(ConfigOf(config));
  };
  return registry.RegisterWrapper(name, description, make, describe);
}

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_REGISTER_WRAPPER_H_
