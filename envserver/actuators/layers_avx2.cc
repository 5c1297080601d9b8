// Compiled with -mavx2, which leaves multiplications and additions apart.
constexpr int kRegisterFloats = 8;
#include "envserver/actuators/layers_kernel.h"

namespace armature {

void EvaluateLayersAvx2(const Layers& layers, const float* input, int num_joints, float* output) {
  EvaluateAny(layers, input, num_joints, output);
}

}  // namespace armature
