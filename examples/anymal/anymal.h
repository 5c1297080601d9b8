// The environment "anymal": see anymal.cc.
#ifndef ANYMAL_H_
#define ANYMAL_H_

#include "absl/status/status.h"
#include "envserver/env/env_registry.h"

absl::Status RegisterAnymal(armature::EnvRegistry& registry);

#endif  // ANYMAL_H_
