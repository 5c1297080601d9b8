// An OpenGL context without a window, by EGL: on a GPU where there is one, else in software (Mesa).
//
// The EGL library is loaded when a context is made, so that a program starts without it.
// Thread safety: one thread makes, uses and destroys it; it is current on that thread all along.
#ifndef ARMATURE_COMMON_RENDER_GL_CONTEXT_H_
#define ARMATURE_COMMON_RENDER_GL_CONTEXT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace armature {

class GlContext {
 public:
  // Where Debian's libegl1 puts it, and what it is called elsewhere.
  static constexpr char kLibrary[] = "libEGL.so.1";

  // Makes a context and makes it current. Devices are tried in EGL's order, GPUs first; one that
  // this user may not open is passed over. Returns FailedPrecondition, with one sentence that
  // begins "no EGL", if there is no library, device or context.
  static absl::StatusOr<std::unique_ptr<GlContext>> Create(const std::string& library = kLibrary);
  ~GlContext();

  GlContext(const GlContext&) = delete;
  GlContext& operator=(const GlContext&) = delete;

 private:
  struct Egl;
  GlContext(std::unique_ptr<Egl> egl, void* display, void* context);

  const std::unique_ptr<Egl> egl_;
  void* const display_;
  void* const context_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RENDER_GL_CONTEXT_H_
