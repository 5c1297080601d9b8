#include "envserver/wrappers/tensor_file_once.h"

#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/files/atomic_file.h"
#include "envserver/wrappers/env_wrapper.h"

namespace armature {
namespace {

struct Cache {
  absl::Mutex mutex;
  std::map<std::string, std::weak_ptr<const SharedTensorFile>> by_path ABSL_GUARDED_BY(mutex);
};

Cache& TheCache() {
  static Cache* const cache = new Cache;
  return *cache;
}

std::shared_ptr<const SharedTensorFile> Read(const std::string& path) {
  auto file = std::make_shared<SharedTensorFile>();
  file->path = path;
  absl::StatusOr<std::string> content = ReadWholeFile(path);
  if (!content.ok()) throw WrapperError(std::string(content.status().message()));
  file->content = *std::move(content);
  absl::StatusOr<Safetensors> parsed = ParseSafetensors(file->content);
  if (!parsed.ok()) throw WrapperError(absl::StrCat(path, ": ", parsed.status().message()));
  file->parsed = *std::move(parsed);
  return file;
}

std::string Form(const std::string& dtype, const std::vector<int64_t>& shape) {
  return absl::StrCat(dtype, " [", absl::StrJoin(shape, ","), "]");
}

}  // namespace

std::string SharedTensorFile::text(const std::string& key) const {
  const auto found = parsed.metadata.find(key);
  return found == parsed.metadata.end() ? "" : found->second;
}

const StoredTensor* SharedTensorFile::FindAny(const std::string& name) const {
  for (const StoredTensor& tensor : parsed.tensors) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const StoredTensor& SharedTensorFile::Find(const std::string& name, const std::string& dtype,
                                           const std::vector<int64_t>& shape) const {
  const StoredTensor* tensor = FindAny(name);
  if (tensor != nullptr && tensor->dtype == dtype && tensor->shape == shape) return *tensor;
  throw WrapperError(
      absl::StrCat(path, ": tensor ", name, " is ",
                   tensor == nullptr ? "missing" : Form(tensor->dtype, tensor->shape),
                   ", expected ", Form(dtype, shape)));
}

std::shared_ptr<const SharedTensorFile> ReadTensorFileOnce(const std::string& path,
                                                           const std::string& kind) {
  if (path.empty())
    throw WrapperError(absl::StrCat("expert.path is empty; expected a file of kind '", kind, "'"));
  std::shared_ptr<const SharedTensorFile> file;
  {
    Cache& cache = TheCache();
    absl::MutexLock lock(&cache.mutex);
    std::weak_ptr<const SharedTensorFile>& kept = cache.by_path[path];
    file = kept.lock();
    if (file == nullptr) kept = file = Read(path);
  }
  if (file->text("kind") == kind && file->text("format_version") == "1") return file;
  throw WrapperError(absl::StrCat(path, ": it is '", file->text("kind"), "' of format '",
                                  file->text("format_version"), "', expected '", kind,
                                  "' of format '1'"));
}

}  // namespace armature
