// The forward pass of a small network for several joints at once.
//
// y = W_L a(... a(W_1 a(W_0 x + b_0) + b_1) ...) + b_L, with one output.
//
// Reproducibility: each sum adds its products in the order of the inputs, from the bias on, and the
// last layer's in a fixed tree; nothing is fused and no library function is called. So both
// versions give the same bits as each other, for every number of joints, on every x86-64 CPU.
// Thread safety: free functions on const values.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_LAYERS_H_
#define ARMATURE_ENVSERVER_ACTUATORS_LAYERS_H_

namespace armature {

enum class Activation {
  kSoftsign,  // x / (1 + |x|)
  kTanh,
  kElu,  // x where x > 0, else exp(x) - 1
};

// Units that are worked on together. Layers are padded with units that stay 0 to a multiple of it.
inline constexpr int kLanes = 8;
inline constexpr int kLayersMax = 9;  // The last one among them.
inline constexpr int kUnitsMax = 256;
inline constexpr int kInputsMax = 64;

// A hidden layer. Does not own its numbers.
struct HiddenLayer {
  int inputs = 0;                 // Without padding.
  int units = 0;                  // With padding.
  const float* weight = nullptr;  // [inputs, units]
  const float* bias = nullptr;    // [units]
};

struct Layers {
  Activation activation = Activation::kSoftsign;
  int num_hidden = 0;
  HiddenLayer hidden[kLayersMax - 1];
  const float* output_weight = nullptr;  // [units of the last hidden layer]
  float output_bias = 0;
};

// Writes output[j] for input[j, :], j = 0 .. num_joints - 1; input is [num_joints, inputs].
using EvaluateLayers = void (*)(const Layers& layers, const float* input, int num_joints,
                                float* output);
void EvaluateLayersBaseline(const Layers& layers, const float* input, int num_joints,
                            float* output);
// Needs a CPU with AVX2.
void EvaluateLayersAvx2(const Layers& layers, const float* input, int num_joints, float* output);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_LAYERS_H_
