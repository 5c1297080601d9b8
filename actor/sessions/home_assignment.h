// Assigns each of an actor's shards to a home env server.
//
// The actor ranks the servers by a hash of its name and theirs (rendezvous hashing: Thaler and
// Ravishankar 1998). With S shards and n servers, each server gets S / n shards, and the first S
// mod n in rank get one more. A shard stays where it is unless its server has more than that. So
// adding or removing a server moves only its own share, and actors with different names spread over
// the list.
// Thread safety: free functions on plain values.
#ifndef ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_
#define ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_

#include <string>
#include <vector>

namespace armature {

// Returns `servers` in the order in which actor `name` prefers them.
std::vector<std::string> RankServers(const std::string& name,
                                     const std::vector<std::string>& servers);

// Returns the homes of all shards. `homes` are the present ones, "" for none. `ranked` comes from
// RankServers; if empty, the homes stay.
std::vector<std::string> AssignHomes(const std::vector<std::string>& ranked,
                                     const std::vector<std::string>& homes);

}  // namespace armature

#endif  // ARMATURE_ACTOR_SESSIONS_HOME_ASSIGNMENT_H_
