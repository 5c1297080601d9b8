// Shows vectors in the frame of a body, such as a robot's velocity as it sees it.
//
// Facts: a vector v becomes R^T v, where R is the rotation of the quaternion (x, y, z, w) that is
// observed in the same step. With rotation: yaw, R is only its turn about z, so that z stays up:
// yaw = atan2(2 (w z + x y), 1 - 2 (y^2 + z^2)). Bounds become those of the vector's length.
// Refused: goal fields and fields of integers. Throws if the quaternion is zero.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "LinearMath/btMatrix3x3.h"
#include "LinearMath/btQuaternion.h"
#include "LinearMath/btVector3.h"
#include "absl/strings/str_cat.h"
#include "common/config/config.h"
#include "envserver/wrappers/bounds.h"
#include "envserver/wrappers/builtin_wrappers.h"
#include "envserver/wrappers/env_wrapper.h"
#include "envserver/wrappers/observation_fields.h"
#include "envserver/wrappers/register_wrapper.h"

namespace armature {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// A rotated vector may be longer by rounding, as float32.
constexpr double kRounding = 1e-6;

// The bounds that hold for each vector of a field, whatever its direction.
void TakeBoundsOfLength(FieldSpec& field) {
  const std::vector<double> low = BoundPerElement(field.low, field.size(), -kInfinity);
  const std::vector<double> high = BoundPerElement(field.high, field.size(), kInfinity);
  field.low.clear();
  field.high.clear();
  for (size_t i = 0; i < low.size(); i += 3) {
    double squares = 0;
    for (size_t k = i; k < i + 3; ++k) {
      const double most = std::max(std::abs(low[k]), std::abs(high[k]));
      squares += most * most;
    }
    const double length = FloatAtLeast(std::sqrt(squares) * (1 + kRounding));
    field.low.insert(field.low.end(), 3, -length);
    field.high.insert(field.high.end(), 3, length);
  }
}

class Frame : public EnvWrapper {
 public:
  struct Config {
    std::string quaternion;
    std::vector<std::string> vectors;
    std::string rotation = "full";
    void Visit(ConfigVisitor& v) {
      v.Field("quaternion", quaternion, "Field with the frame's orientation, (x, y, z, w).");
      v.Field("vectors", vectors, "Fields of one or more vectors of 3 elements each.");
      v.Field("rotation", rotation, "full, or only the turn about z.", OneOf({"full", "yaw"}));
    }
  };

  Frame(std::unique_ptr<Env> env, int place, const Config& config)
      : EnvWrapper(std::move(env), place),
        is_yaw_(config.rotation == "yaw"),
        quaternion_(FindField(spec(), config.quaternion)) {
    if (config.vectors.empty()) throw WrapperError("vectors names no field");
    vectors_ = SelectFields(spec(), config.vectors, FieldKind::kFloat);
    mutable_spec().mirror.reset();
    const FieldSpec& quaternion = spec().observation[quaternion_];
    if (quaternion.size() != 4 || !IsFloatField(quaternion)) {
      throw WrapperError(absl::StrCat("the field '", quaternion.name,
                                      "' is no quaternion; expected 4 float elements, got ",
                                      quaternion.size()));
    }
    for (int index : vectors_) {
      FieldSpec& field = mutable_spec().observation[index];
      if (field.size() % 3 != 0) {
        throw WrapperError(absl::StrCat("the field '", field.name, "' has ", field.size(),
                                        " elements; expected vectors of 3"));
      }
      TakeBoundsOfLength(field);
    }
  }

  StepResult Step(absl::Span<const float> action, Observation& observation) override {
    const StepResult step = inner().Step(action, observation);
    Rotate(observation);
    return step;
  }

 protected:
  void Begin(uint64_t seed, Observation& observation) override {
    inner().Reset(seed, observation);
    Rotate(observation);
  }

 private:
  // R^T.
  btMatrix3x3 ToFrame(Observation& observation) const {
    btQuaternion q;
    VisitFloats(spec().observation[quaternion_], quaternion_, observation,
                [&q](auto values) { q.setValue(values[0], values[1], values[2], values[3]); });
    if (!(q.length2() > 0)) {
      throw std::runtime_error(absl::StrCat("wrapper frame: the quaternion '",
                                            spec().observation[quaternion_].name,
                                            "' has no length"));
    }
    q.normalize();
    if (is_yaw_) {
      const double yaw =
          std::atan2(2 * (q.w() * q.z() + q.x() * q.y()), 1 - 2 * (q.y() * q.y() + q.z() * q.z()));
      q.setRotation(btVector3(0, 0, 1), yaw);
    }
    return btMatrix3x3(q).transpose();
  }

  void Rotate(Observation& observation) const {
    const btMatrix3x3 to_frame = ToFrame(observation);
    for (int field : vectors_) {
      VisitFloats(spec().observation[field], field, observation, [&to_frame](auto values) {
        for (size_t i = 0; i < values.size(); i += 3) {
          const btVector3 rotated = to_frame * btVector3(values[i], values[i + 1], values[i + 2]);
          for (int k = 0; k < 3; ++k) {
            values[i + k] = static_cast<std::decay_t<decltype(values[0])>>(rotated[k]);
          }
        }
      });
    }
  }

  const bool is_yaw_;
  const int quaternion_;
  std::vector<int> vectors_;
};

}  // namespace

absl::Status RegisterFrame(EnvRegistry& registry) {
  return RegisterWrapper<Frame>(registry, "frame", "Shows vectors in the frame of a body.");
}

}  // namespace armature
