#include "envserver/kit/model_cache.h"

#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace armature {
namespace {

// Path, then what the options say.
using Key = std::tuple<std::string, InertiaSource, std::vector<std::string>, bool>;

struct Cache {
  absl::Mutex mutex;
  std::map<Key, std::shared_ptr<const BodyModel>> models ABSL_GUARDED_BY(mutex);
};

Cache& TheCache() {
  static Cache* cache = new Cache;  // Never freed: threads may use it until the process ends.
  return *cache;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const BodyModel>> LoadUrdfOnce(const std::string& path,
                                                              const UrdfOptions& options) {
  Cache& cache = TheCache();
  absl::MutexLock lock(&cache.mutex);
  std::shared_ptr<const BodyModel>& kept =
      cache.models[{path, options.inertia_source, options.package_folders, options.read_looks}];
  if (kept == nullptr) {
    auto model = LoadUrdf(path, options);
    if (!model.ok()) return model;
    kept = *std::move(model);
  }
  return kept;
}

}  // namespace armature
