// A WorldState as bytes, for another process or another day.
//
// Format, little-endian: "ARMW", format version, fingerprint of the world, CRC-32C of the rest,
// then the state. The fingerprint covers what must be the same: Bullet's version, the options, and
// the bodies with their links, joints and shapes.
// Thread safety: free functions, like their world.
#ifndef ARMATURE_ENVSERVER_BULLET_WORLD_BYTES_H_
#define ARMATURE_ENVSERVER_BULLET_WORLD_BYTES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "envserver/bullet/bullet_world.h"
#include "envserver/bullet/world_state.h"

namespace armature {

// What two worlds must have in common to exchange states.
uint32_t WorldFingerprint(const BulletWorld& world);

// Appends.
void EncodeState(const BulletWorld& world, const WorldState& state, std::string* bytes);

// Returns InvalidArgument if the bytes are damaged, of another format, or not of this world's
// fingerprint; or if a body's state has a value that cannot be. Does not check contacts.
absl::Status DecodeState(const BulletWorld& world, absl::string_view bytes, WorldState* state);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_BULLET_WORLD_BYTES_H_
