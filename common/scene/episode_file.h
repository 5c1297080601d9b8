// Recorded episodes: what Watch sends of one slot, with observations, in a file. Format and
// reasons: docs/decisions/0023-episodes-and-videos.md.
//
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_SCENE_EPISODE_FILE_H_
#define ARMATURE_COMMON_SCENE_EPISODE_FILE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/io/gzip_stream.h"
#include "google/protobuf/io/zero_copy_stream.h"
#include "proto/env_service.pb.h"

namespace armature {

inline constexpr char kEpisodeFileEnding[] = ".episodes";

// Packs a recording. One that breaks off can be read up to there.
class EpisodeWriter {
 public:
  // Packs into `out`, which must outlive this.
  explicit EpisodeWriter(google::protobuf::io::ZeroCopyOutputStream* out);
  ~EpisodeWriter();

  // Appends the next message. A scene and its meshes, if they are the last ones again, are not
  // repeated. Returns Unavailable if `out` does.
  absl::Status Write(const v1::WatchResponse& message);
  // Completes the recording; call nothing after it. Returns Write's errors.
  absl::Status Close();

 private:
  google::protobuf::io::GzipOutputStream gzip_;
  std::string scene_;  // The last one that was given, serialized; empty once frames changed it.
  bool is_repeated_ = false;  // The scene that is being given is there already.
};

// Returns the bytes of a file of these messages; EpisodeWriter's errors.
absl::StatusOr<std::string> PackEpisodes(const std::vector<v1::WatchResponse>& messages);

class EpisodeReader {
 public:
  // Returns NotFound or Unavailable if `path` cannot be read.
  static absl::StatusOr<std::unique_ptr<EpisodeReader>> Open(const std::string& path);
  ~EpisodeReader();

  // Reads the next message; false: there are no more. A recording that breaks off ends there, and
  // is_complete() is false. Returns InvalidArgument, naming the file, if it is no recording.
  absl::StatusOr<bool> Next(v1::WatchResponse* message);
  // After the end: whether the recording was closed by its writer.
  bool is_complete() const { return is_complete_; }

 private:
  EpisodeReader(std::string path, int fd);

  const std::string path_;
  const std::unique_ptr<google::protobuf::io::ZeroCopyInputStream> file_;
  google::protobuf::io::GzipInputStream gzip_;
  int64_t messages_ = 0;
  bool is_complete_ = false;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_EPISODE_FILE_H_
