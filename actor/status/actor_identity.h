// How this actor identifies itself to every peer.
#ifndef ARMATURE_ACTOR_STATUS_ACTOR_IDENTITY_H_
#define ARMATURE_ACTOR_STATUS_ACTOR_IDENTITY_H_

#include <cstdint>
#include <string>

#include "common/random/rng.h"
#include "common/rpc/protocol.h"
#include "proto/handshake.pb.h"

namespace armature {

struct ActorIdentity {
  std::string name;
  uint64_t incarnation = 0;
  std::string run_id;  // Empty before Join.

  v1::Handshake handshake() const { return MakeHandshake(name, incarnation, run_id); }
};

// Hashes a name, the same on every machine (FNV-1a, 64 bit).
inline uint64_t NameHash(const std::string& name) {
  uint64_t hash = 14695981039346656037ull;
  for (unsigned char byte : name) hash = (hash ^ byte) * 1099511628211ull;
  return hash;
}

// Returns the seed of stream `stream` of actor `name`; different for each actor, life and stream.
// `life` is the incarnation, so that a restarted actor does not repeat its episodes, or 0 if every
// life must be the same.
inline uint64_t ActorSeed(uint64_t run_seed, const std::string& name, uint64_t life,
                          uint64_t stream) {
  return Rng({run_seed, NameHash(name), life, stream}).Bits();
}

}  // namespace armature

#endif  // ARMATURE_ACTOR_STATUS_ACTOR_IDENTITY_H_
