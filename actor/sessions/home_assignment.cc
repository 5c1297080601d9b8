#include "actor/sessions/home_assignment.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "actor/status/actor_identity.h"
#include "common/random/rng.h"

namespace armature {

std::vector<std::string> RankServers(const std::string& name,
                                     const std::vector<std::string>& servers) {
  std::vector<std::pair<uint64_t, std::string>> weighed;
  for (const std::string& server : servers) {
    weighed.emplace_back(Rng({NameHash(name), NameHash(server)}).Bits(), server);
  }
  std::sort(weighed.begin(), weighed.end());
  std::vector<std::string> ranked;
  for (auto& entry : weighed) ranked.push_back(std::move(entry.second));
  return ranked;
}

std::vector<std::string> AssignHomes(const std::vector<std::string>& ranked,
                                     const std::vector<std::string>& homes) {
  if (ranked.empty()) return homes;
  std::vector<size_t> room(ranked.size(), homes.size() / ranked.size());
  for (size_t i = 0; i < homes.size() % ranked.size(); ++i) ++room[i];
  std::vector<std::string> assigned(homes.size());
  for (size_t shard = 0; shard < homes.size(); ++shard) {
    const auto home = std::find(ranked.begin(), ranked.end(), homes[shard]);
    if (home == ranked.end() || room[home - ranked.begin()] == 0) continue;
    --room[home - ranked.begin()];
    assigned[shard] = homes[shard];
  }
  size_t next = 0;
  for (std::string& home : assigned) {
    if (!home.empty()) continue;
    while (room[next] == 0) next = (next + 1) % ranked.size();
    --room[next];
    home = ranked[next];
    next = (next + 1) % ranked.size();
  }
  return assigned;
}

}  // namespace armature
