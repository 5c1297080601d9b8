#include "common/render/gl_context.h"

#include <EGL/egl.h>
#include <EGL/eglext.h>
#include <dlfcn.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace armature {

// The functions of EGL that are used, from the loaded library.
struct GlContext::Egl {
  decltype(&eglGetProcAddress) get_proc_address = nullptr;
  decltype(&eglInitialize) initialize = nullptr;
  decltype(&eglBindAPI) bind_api = nullptr;
  decltype(&eglChooseConfig) choose_config = nullptr;
  decltype(&eglCreateContext) create_context = nullptr;
  decltype(&eglDestroyContext) destroy_context = nullptr;
  decltype(&eglMakeCurrent) make_current = nullptr;
  decltype(&eglGetError) get_error = nullptr;
  PFNEGLGETPLATFORMDISPLAYEXTPROC get_platform_display = nullptr;
  PFNEGLQUERYDEVICESEXTPROC query_devices = nullptr;  // Null: not there.
};

namespace {

constexpr char kRemedy[] = "; apt-get install libegl1 libgl1-mesa-dri";

template <typename Function>
bool Find(void* library, const char* name, Function* function) {
  *function = reinterpret_cast<Function>(dlsym(library, name));
  return *function != nullptr;
}

absl::Status NoEgl(absl::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat("no EGL: ", why, kRemedy));
}

}  // namespace

absl::StatusOr<std::unique_ptr<GlContext>> GlContext::Create(const std::string& library) {
  // Global: MuJoCo looks up OpenGL's functions through the EGL that the process has. Never closed:
  // drivers leave threads and thread-local memory behind.
  void* const handle = dlopen(library.c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (handle == nullptr) return NoEgl(dlerror());
  auto egl = std::make_unique<Egl>();
  const bool complete = Find(handle, "eglGetProcAddress", &egl->get_proc_address) &&
                        Find(handle, "eglInitialize", &egl->initialize) &&
                        Find(handle, "eglBindAPI", &egl->bind_api) &&
                        Find(handle, "eglChooseConfig", &egl->choose_config) &&
                        Find(handle, "eglCreateContext", &egl->create_context) &&
                        Find(handle, "eglDestroyContext", &egl->destroy_context) &&
                        Find(handle, "eglMakeCurrent", &egl->make_current) &&
                        Find(handle, "eglGetError", &egl->get_error);
  if (!complete) return NoEgl(absl::StrCat(library, " is no EGL library"));
  egl->get_platform_display = reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(
      egl->get_proc_address("eglGetPlatformDisplayEXT"));
  egl->query_devices =
      reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(egl->get_proc_address("eglQueryDevicesEXT"));
  if (egl->get_platform_display == nullptr) return NoEgl("it knows no platforms without a window");

  std::vector<EGLDisplay> displays;
  EGLDeviceEXT devices[64];
  EGLint num_devices = 0;
  if (egl->query_devices == nullptr || !egl->query_devices(64, devices, &num_devices)) {
    num_devices = 0;
  }
  for (int i = 0; i < num_devices; ++i) {
    displays.push_back(egl->get_platform_display(EGL_PLATFORM_DEVICE_EXT, devices[i], nullptr));
  }
  displays.push_back(egl->get_platform_display(
      EGL_PLATFORM_SURFACELESS_MESA, reinterpret_cast<void*>(EGL_DEFAULT_DISPLAY), nullptr));
  EGLint error = EGL_SUCCESS;
  for (const EGLDisplay display : displays) {
    constexpr EGLint kWanted[] = {EGL_SURFACE_TYPE, EGL_PBUFFER_BIT, EGL_RENDERABLE_TYPE,
                                  EGL_OPENGL_BIT, EGL_NONE};
    EGLint major = 0, minor = 0, count = 0;
    EGLConfig config = nullptr;
    EGLContext context = EGL_NO_CONTEXT;
    const bool is_current = display != EGL_NO_DISPLAY && egl->initialize(display, &major, &minor) &&
                            egl->choose_config(display, kWanted, &config, 1, &count) && count > 0 &&
                            egl->bind_api(EGL_OPENGL_API) &&
                            (context = egl->create_context(display, config, EGL_NO_CONTEXT,
                                                           nullptr)) != EGL_NO_CONTEXT &&
                            egl->make_current(display, EGL_NO_SURFACE, EGL_NO_SURFACE, context);
    if (is_current) {
      return std::unique_ptr<GlContext>(new GlContext(std::move(egl), display, context));
    }
    error = egl->get_error();
    if (context != EGL_NO_CONTEXT) egl->destroy_context(display, context);
  }
  return NoEgl(absl::StrCat("none of ", displays.size(),
                            " displays gives an OpenGL context, the last with error 0x",
                            absl::Hex(error)));
}

GlContext::GlContext(std::unique_ptr<Egl> egl, void* display, void* context)
    : egl_(std::move(egl)), display_(display), context_(context) {}

GlContext::~GlContext() {
  // The display stays: EGL gives the same one to the next context.
  egl_->make_current(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT);
  egl_->destroy_context(display_, context_);
}

}  // namespace armature
