// A slot at one moment, as viewers see it. In-process form of PoseFrame in proto/scene.proto, which
// documents every member.
//
// Thread safety: plain values.
#ifndef ARMATURE_COMMON_SCENE_SLOT_FRAME_H_
#define ARMATURE_COMMON_SCENE_SLOT_FRAME_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "common/scene/scene.h"

namespace armature {

struct SlotFrame {
  std::shared_ptr<const Scene> scene;  // As it was at that moment.
  SceneView view;
  uint64_t episode = 0;
  int64_t episode_step = 0;
  float reward = 0;
  double return_sum = 0;
  std::vector<float> metrics;  // Empty if no step led here.
  std::vector<float> action;   // Likewise.
  bool terminated = false;
  bool truncated = false;
  bool is_success = false;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_SCENE_SLOT_FRAME_H_
