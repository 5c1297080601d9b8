#include "envserver/kit/task.h"

#include "absl/strings/str_cat.h"

namespace armature {

void ObservationWriter::Write(Field field, absl::Span<const double> values) {
  const absl::Span<float> out = fields_[field.index];
  if (spec_->observation[field.index].dtype != v1::DTYPE_FLOAT32) {
    throw TaskError(absl::StrCat("Observe wrote to the field '",
                                 spec_->observation[field.index].name,
                                 "', which is a picture: the environment draws it"));
  }
  if (values.size() != out.size()) {
    throw TaskError(absl::StrCat("Observe wrote ", values.size(), " values to the field '",
                                 spec_->observation[field.index].name, "', which has ",
                                 out.size()));
  }
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(values[i]);
}

void MarkerPoses::Place(Marker marker, const btVector3& position, const btQuaternion& orientation) {
  poses_[marker.index] = {position.x(),    position.y(),    position.z(),   orientation.x(),
                          orientation.y(), orientation.z(), orientation.w()};
}

GoalOutcome Task::GoalReward(const GoalPair&) const {
  throw TaskError("a task with a goal must have GoalReward");
}

}  // namespace armature
