// The forward pass of layers.h, for the instructions that the including source is compiled for.
// Only layers_baseline.cc and layers_avx2.cc include it, each after saying what a register holds.
//
// Everything is in an unnamed namespace, and no other header with inline functions is included:
// code for AVX2 must not be linked in place of code that runs everywhere.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_LAYERS_KERNEL_H_
#define ARMATURE_ENVSERVER_ACTUATORS_LAYERS_KERNEL_H_

#include "envserver/actuators/layers.h"

// Vectors are passed between inlined functions only. Clang unrolls without being asked.
#pragma GCC diagnostic ignored "-Wpsabi"
#pragma GCC diagnostic ignored "-Wunknown-pragmas"

namespace armature {
namespace {

// GCC's and Clang's vectors, one register each. Operators work by element.
using Floats = float __attribute__((vector_size(4 * kRegisterFloats)));
using Ints = int __attribute__((vector_size(4 * kRegisterFloats)));

// What a block of sums covers: 12 of the 16 registers hold them.
constexpr int kJointsAtOnce = 3;
constexpr int kRegistersAtOnce = 4;
constexpr int kRegistersPerLanes = kLanes / kRegisterFloats;

inline Floats Load(const float* from) {
  Floats values;
  __builtin_memcpy(&values, from, sizeof(values));
  return values;
}
inline void Store(const Floats& values, float* to) {
  __builtin_memcpy(to, &values, sizeof(values));
}

// exp(x) with a relative error below 2e-7; x is held to what float32 can express. Range reduction
// and polynomial of Cephes' expf (Moshier, netlib.org/cephes).
inline Floats Exp(Floats x) {
  constexpr float kLow = -87, kHigh = 88;
  constexpr float kRound = 12582912;  // 1.5 x 2^23: added and taken away, it rounds to a whole.
  x = x < kLow ? Floats{} + kLow : x;
  x = x > kHigh ? Floats{} + kHigh : x;
  const Floats power = (x * 1.44269504088896341f + kRound) - kRound;  // Of 2.
  const Floats rest = (x - power * 0.693359375f) + power * 2.12194440e-4f;
  Floats series = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  series = series * rest + 8.3334519073e-3f;
  series = series * rest + 4.1665795894e-2f;
  series = series * rest + 1.6666665459e-1f;
  series = series * rest + 5.0000001201e-1f;
  series = series * (rest * rest) + rest + 1.0f;
  const Ints exponent = (__builtin_convertvector(power, Ints) + 127) << 23;
  return series * reinterpret_cast<Floats>(exponent);
}

template <Activation activation>
inline Floats Activate(const Floats& x) {
  if constexpr (activation == Activation::kSoftsign) {
    const Floats size = x < 0.0f ? -x : x;
    return x / (1.0f + size);
  } else if constexpr (activation == Activation::kTanh) {
    return 1.0f - 2.0f / (Exp(x + x) + 1.0f);
  } else {
    return x > 0.0f ? x : Exp(x) - 1.0f;
  }
}

// Units of `registers` registers, of `joints` joints. Rows of `input` and of `output` are
// `input_stride` and kUnitsMax apart.
template <Activation activation, int joints, int registers>
inline void ComputeUnits(const HiddenLayer& layer, int first_unit, const float* input,
                         int input_stride, float* output) {
  Floats sum[joints][registers];
#pragma GCC unroll 4
  for (int r = 0; r < registers; ++r) {
    const Floats bias = Load(layer.bias + first_unit + kRegisterFloats * r);
#pragma GCC unroll 3
    for (int j = 0; j < joints; ++j) sum[j][r] = bias;
  }
  const float* weight = layer.weight + first_unit;
  for (int i = 0; i < layer.inputs; ++i, weight += layer.units) {
#pragma GCC unroll 3
    for (int j = 0; j < joints; ++j) {
      const float x = input[j * input_stride + i];
#pragma GCC unroll 4
      for (int r = 0; r < registers; ++r) sum[j][r] += Load(weight + kRegisterFloats * r) * x;
    }
  }
#pragma GCC unroll 3
  for (int j = 0; j < joints; ++j) {
    float* units = output + j * kUnitsMax + first_unit;
#pragma GCC unroll 4
    for (int r = 0; r < registers; ++r) {
      Store(Activate<activation>(sum[j][r]), units + kRegisterFloats * r);
    }
  }
}

template <Activation activation, int joints>
inline void ComputeLayer(const HiddenLayer& layer, const float* input, int input_stride,
                         float* output) {
  constexpr int kBlock = kRegistersAtOnce * kRegisterFloats;
  int unit = 0;
  for (; unit + kBlock <= layer.units; unit += kBlock) {
    ComputeUnits<activation, joints, kRegistersAtOnce>(layer, unit, input, input_stride, output);
  }
  for (; unit < layer.units; unit += kRegisterFloats) {
    ComputeUnits<activation, joints, 1>(layer, unit, input, input_stride, output);
  }
}

inline float ComputeOutput(const Layers& layers, const float* last, int units) {
  Floats sum[kRegistersPerLanes] = {};
  for (int i = 0; i < units; i += kLanes) {
    for (int r = 0; r < kRegistersPerLanes; ++r) {
      const int at = i + kRegisterFloats * r;
      sum[r] += Load(layers.output_weight + at) * Load(last + at);
    }
  }
  float lane[kLanes];
  for (int r = 0; r < kRegistersPerLanes; ++r) Store(sum[r], lane + kRegisterFloats * r);
  return layers.output_bias + (((lane[0] + lane[4]) + (lane[2] + lane[6])) +
                               ((lane[1] + lane[5]) + (lane[3] + lane[7])));
}

template <Activation activation, int joints>
inline void EvaluateJoints(const Layers& layers, const float* input, float* output) {
  float units[2][joints * kUnitsMax];
  ComputeLayer<activation, joints>(layers.hidden[0], input, layers.hidden[0].inputs, units[0]);
  for (int i = 1; i < layers.num_hidden; ++i) {
    ComputeLayer<activation, joints>(layers.hidden[i], units[(i - 1) % 2], kUnitsMax, units[i % 2]);
  }
  const int last = layers.num_hidden - 1;
  for (int j = 0; j < joints; ++j) {
    output[j] = ComputeOutput(layers, units[last % 2] + j * kUnitsMax, layers.hidden[last].units);
  }
}

template <Activation activation>
void EvaluateAll(const Layers& layers, const float* input, int num_joints, float* output) {
  int joint = 0;
  for (; joint + kJointsAtOnce <= num_joints; joint += kJointsAtOnce) {
    EvaluateJoints<activation, kJointsAtOnce>(layers, input + joint * layers.hidden[0].inputs,
                                              output + joint);
  }
  for (; joint < num_joints; ++joint) {
    EvaluateJoints<activation, 1>(layers, input + joint * layers.hidden[0].inputs, output + joint);
  }
}

void EvaluateAny(const Layers& layers, const float* input, int num_joints, float* output) {
  switch (layers.activation) {
    case Activation::kSoftsign:
      return EvaluateAll<Activation::kSoftsign>(layers, input, num_joints, output);
    case Activation::kTanh:
      return EvaluateAll<Activation::kTanh>(layers, input, num_joints, output);
    case Activation::kElu:
      return EvaluateAll<Activation::kElu>(layers, input, num_joints, output);
  }
}

}  // namespace
}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_LAYERS_KERNEL_H_
