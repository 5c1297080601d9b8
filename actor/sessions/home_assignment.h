// Which env server each of an actor's shards belongs to.
//
// The actor ranks the servers by a hash of its name and theirs (rendezvous hashing:
// Thaler and Ravishankar 1998). S shards over n servers: each server gets S / n, and
// the first S mod n in rank one more. A shard stays where it is while its server has
// no more than that; so a server that is added or taken away moves its own share and
// nothing else, and actors of different names spread over the list.
// Thread safety: free functions on plain values.
#ifndef ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_
#define ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_

#include <string>
#include <vector>

namespace armature {

// `servers`, those that the actor `name` prefers first.
std::vector<std::string> RankServers(const std::string& name,
                                     const std::vector<std::string>& servers);

// The homes of all shards. `homes`: those they have now, each "" where it has none.
// `ranked`: from RankServers; empty: the homes stay.
std::vector<std::string> AssignHomes(const std::vector<std::string>& ranked,
                                     const std::vector<std::string>& homes);

}  // namespace armature

#endif  // ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_
