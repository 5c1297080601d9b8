#include "common/render/renderer.h"

#include <cmath>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace armature {

absl::Status CheckCamera(const SceneCamera& camera) {
  const auto refuse = [&camera](const auto&... text) {
    return absl::InvalidArgumentError(absl::StrCat("camera '", camera.name, "': ", text...));
  };
  if (camera.width_px < 1 || camera.width_px > Renderer::kSideMaxPx || camera.height_px < 1 ||
      camera.height_px > Renderer::kSideMaxPx) {
    return refuse("the picture is ", camera.width_px, " x ", camera.height_px,
                  " pixels; each side must be 1 to ", Renderer::kSideMaxPx);
  }
  if (!(camera.vertical_field_of_view_deg > 0 && camera.vertical_field_of_view_deg < 180)) {
    return refuse("vertical_field_of_view_deg is ", camera.vertical_field_of_view_deg,
                  "; it must be between 0 and 180");
  }
  double distance = 0;
  for (int i = 0; i < 3; ++i) {
    distance = std::hypot(distance, camera.target[i] - camera.position[i]);
  }
  if (std::isfinite(distance) && distance > 0) return absl::OkStatus();
  return refuse("position and target are ", distance, " m apart; it must be above 0");
}

Renderer::Renderer(const RendererOptions& options) : options_(options) {}

Renderer::~Renderer() {
  std::thread thread;
  {
    absl::MutexLock lock(&mutex_);
    is_closing_ = true;
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

Renderer& Renderer::Shared() {
  static Renderer* const renderer = new Renderer();
  return *renderer;
}

Renderer& Renderer::SharedForObservations() {
  static Renderer* const renderer = [] {
    RendererOptions options;
    options.samples = 0;
    options.shadow_px = 0;
    return new Renderer(options);
  }();
  return *renderer;
}

absl::Status Renderer::Draw(const Scene& scene, const SceneView& view, const SceneCamera& camera,
                            absl::Span<uint8_t> rgb, absl::Span<const TextLine> text) {
  if (absl::Status status = CheckCamera(camera); !status.ok()) return status;
  const size_t bytes = size_t{3} * camera.width_px * camera.height_px;
  if (rgb.size() != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the picture's memory has ", rgb.size(), " bytes, it needs ", bytes));
  }
  const PictureRequest request{&scene, &view, &camera, text, rgb};
  Job job{&request, absl::OkStatus()};
  absl::MutexLock lock(&mutex_);
  if (!thread_.joinable()) thread_ = std::thread([this] { Run(); });
  jobs_.push_back(&job);
  mutex_.Await(absl::Condition(&job.is_drawn));
  return job.status;
}

void Renderer::Run() {
  const absl::StatusOr<std::unique_ptr<ScenePainter>> painter = ScenePainter::Create(options_);
  for (;;) {
    Job* job;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(this, &Renderer::HasWork));
      if (jobs_.empty()) return;
      job = jobs_.front();
      jobs_.pop_front();
    }
    absl::Status status = painter.ok() ? (*painter)->Paint(*job->request) : painter.status();
    absl::MutexLock lock(&mutex_);
    job->status = std::move(status);
    job->is_drawn = true;
  }
}

}  // namespace armature
