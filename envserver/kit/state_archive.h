// What a task keeps between steps beside the world, named once for saving and for restoring:
//
//   void Keep(StateArchive& state) override {
//     state.Keep(integral_);
//     state.Keep(last_action_);
//   }
//
// Values are numbers, enums, bool, Bullet's vectors, quaternions and transforms, and arrays and
// vectors of these. A vector must have the same size when it is restored.
// Thread safety: none.
#ifndef ARMATURE_ENVSERVER_KIT_STATE_ARCHIVE_H_
#define ARMATURE_ENVSERVER_KIT_STATE_ARCHIVE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "LinearMath/btQuaternion.h"
#include "LinearMath/btTransform.h"
#include "LinearMath/btVector3.h"
#include "absl/strings/string_view.h"

namespace armature {

class StateArchive {
 public:
  // Appends what is kept to `out`.
  static StateArchive Saving(std::string* out) { return StateArchive(out, {}); }
  // Reads what is kept from `in`.
  static StateArchive Restoring(absl::string_view in) { return StateArchive(nullptr, in); }

  bool is_saving() const { return out_ != nullptr; }
  // Restoring: whether `in` had exactly what was asked for. Values are only changed while it has.
  bool ok() const { return ok_; }
  bool complete() const { return ok_ && in_.empty(); }
  // Restoring: refuses the state if a value makes no sense.
  void Check(bool makes_sense) { ok_ = ok_ && makes_sense; }

  template <typename T, std::enable_if_t<std::is_arithmetic_v<T> || std::is_enum_v<T>, int> = 0>
  void Keep(T& value) {
    Bytes(&value, sizeof(value));
  }
  void Keep(btVector3& value) { Bytes(value.m_floats, sizeof(value.m_floats)); }
  void Keep(btQuaternion& value) {
    std::array<btScalar, 4> parts = {value.x(), value.y(), value.z(), value.w()};
    Keep(parts);
    if (!is_saving() && ok_) value.setValue(parts[0], parts[1], parts[2], parts[3]);
  }
  void Keep(btTransform& value) {
    for (int row = 0; row < 3; ++row) Keep(value.getBasis()[row]);
    Keep(value.getOrigin());
  }
  template <typename T, size_t n>
  void Keep(std::array<T, n>& values) {
    for (T& value : values) Keep(value);
  }
  template <typename T>
  void Keep(std::vector<T>& values) {
    uint64_t size = values.size();
    Keep(size);
    ok_ = ok_ && size == values.size();
    if (!ok_) return;
    for (T& value : values) Keep(value);
  }
  // A string of any length.
  void Keep(std::string& value) {
    uint64_t size = value.size();
    Keep(size);
    if (is_saving()) {
      out_->append(value);
    } else if ((ok_ = ok_ && size <= in_.size())) {
      value.assign(in_.data(), size);
      in_.remove_prefix(size);
    }
  }

 private:
  StateArchive(std::string* out, absl::string_view in) : out_(out), in_(in) {}

  void Bytes(void* value, size_t size) {
    if (is_saving()) {
      out_->append(static_cast<const char*>(value), size);
    } else if ((ok_ = ok_ && size <= in_.size())) {
      std::memcpy(value, in_.data(), size);
      in_.remove_prefix(size);
    }
  }

  std::string* out_;
  absl::string_view in_;
  bool ok_ = true;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_KIT_STATE_ARCHIVE_H_
