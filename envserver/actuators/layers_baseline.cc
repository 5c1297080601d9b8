// For every x86-64 CPU.
constexpr int kRegisterFloats = 4;
#include "envserver/actuators/layers_kernel.h"

namespace armature {

void EvaluateLayersBaseline(const Layers& layers, const float* input, int num_joints,
                            float* output) {
  EvaluateAny(layers, input, num_joints, output);
}

}  // namespace armature
