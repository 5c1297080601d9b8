// Makes videos of a run's recorded episodes (learner/run/run_videos.h): an MP4 of each, and an
// image for TensorBoard, an animation, in the run's folder videos/. TensorBoard shows them as a run
// of their own, since it follows one event file in a folder.
//
// An MP4 is put in its place last, when all else of its recording is done: what is killed before is
// done again, so at worst TensorBoard shows an animation twice.
// Thread safety: compatible. Of the processes that want to film a run, one does until it ends: it
// holds a lock (flock) on the folder videos/.
#ifndef ARMATURE_DEPLOY_FILM_RUN_FILMER_H_
#define ARMATURE_DEPLOY_FILM_RUN_FILMER_H_

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learner/run/event_writer.h"

namespace armature {

class RunFilmer {
 public:
  explicit RunFilmer(std::string run_dir) : run_dir_(std::move(run_dir)) {}
  RunFilmer(const RunFilmer&) = delete;
  RunFilmer& operator=(const RunFilmer&) = delete;
  ~RunFilmer();

  // Films the first recording that has no video yet. Returns whether there was one, and nobody else
  // films this run; FailedPrecondition if nothing can be filmed here (no OpenGL, no ffmpeg); other
  // errors concern this recording, which is not tried again.
  absl::StatusOr<bool> FilmNext();

 private:
  // Whether no other process films this run.
  bool Lock();
  absl::Status Film(uint64_t env_steps);
  // Adds the animation to TensorBoard's files, if the run has any.
  absl::Status ShowInTensorBoard(const std::string& gif_path, uint64_t env_steps);

  const std::string run_dir_;
  int folder_ = -1;  // Of videos/; holds the lock once it could be had.
  bool is_locked_ = false;
  std::set<uint64_t> failed_;  // Steps whose recordings cannot be filmed.
  std::optional<EventWriter> events_;
};

}  // namespace armature

#endif  // ARMATURE_DEPLOY_FILM_RUN_FILMER_H_
