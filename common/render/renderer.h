// Pictures of scenes, drawn without a display: on a GPU where there is one, else in software.
//
// Data flow: Draw(scene, view) on any thread -> queue -> the one drawing thread, which owns the
// OpenGL context -> the caller's memory.
// Thread safety: all methods. Draw waits for its picture; others' pictures come first, in the order
// asked.
// Bounds: the queue has at most one picture of each waiting thread.
// Cost: see docs/decisions/0022-seeing.md. Nothing is loaded or started before the first picture.
#ifndef ARMATURE_COMMON_RENDER_RENDERER_H_
#define ARMATURE_COMMON_RENDER_RENDERER_H_

#include <cstdint>
#include <deque>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/render/scene_painter.h"
#include "common/scene/scene.h"

namespace armature {

class Renderer {
 public:
  // Of a picture's width and of its height.
  static constexpr int kSideMaxPx = 4096;

  explicit Renderer(const RendererOptions& options = {});
  // No Draw may be waiting.
  ~Renderer();

  // The one that all environments of this process share; never destroyed.
  static Renderer& Shared();
  // The same for pictures that a policy observes: hard edges and no shadows, which without a GPU
  // makes a small picture five times faster.
  static Renderer& SharedForObservations();

  // Draws `scene` as `view` shows it, seen by `camera`, with `text` in the upper left corner, into
  // `rgb`: 8-bit RGB [camera.height_px, camera.width_px, 3], top row first. Reads its arguments
  // until it returns, and keeps none of them.
  // Returns InvalidArgument if camera or scene are malformed, or `rgb` has another size than the
  // picture; FailedPrecondition, with a sentence that begins "no EGL", if this machine has no
  // OpenGL; Internal if OpenGL fails.
  absl::Status Draw(const Scene& scene, const SceneView& view, const SceneCamera& camera,
                    absl::Span<uint8_t> rgb, absl::Span<const TextLine> text = {})
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Of a thread that waits in Draw.
  struct Job {
    const PictureRequest* request;
    absl::Status status;
    bool is_drawn = false;
  };

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWork() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return is_closing_ || !jobs_.empty();
  }

  const RendererOptions options_;
  absl::Mutex mutex_;
  std::deque<Job*> jobs_ ABSL_GUARDED_BY(mutex_);
  bool is_closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_ ABSL_GUARDED_BY(mutex_);  // Starts with the first picture.
};

// Returns InvalidArgument, naming field, value and limit, unless a picture can be taken.
absl::Status CheckCamera(const SceneCamera& camera);

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_RENDERER_H_
