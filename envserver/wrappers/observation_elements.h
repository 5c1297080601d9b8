// Some elements of an observation, as keys name them: "FIELD" (all of it), "FIELD[2]" and
// "FIELD[2:5]" (2, 3 and 4), counted in the flattened field.
//
// Errors: WrapperError from the constructor, with what is wrong and the fields that there are.
// Thread safety: none needed.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_ELEMENTS_H_
#define ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_ELEMENTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/spec/env_spec.h"
#include "envserver/env/env.h"

namespace armature {

class ObservationElements {
 public:
  struct Run {
    int field = 0;  // Index in EnvSpec::observation.
    v1::DType dtype = v1::DTYPE_FLOAT32;
    int64_t begin = 0;
    int64_t end = 0;
  };

  // Float fields only. `key` is what the names were given for.
  ObservationElements(const EnvSpec& spec, const std::string& key,
                      const std::vector<std::string>& names);

  int64_t size() const { return size_; }
  const std::vector<Run>& runs() const { return runs_; }
  void Read(Observation& observation, absl::Span<double> values) const;  // [size()]

 private:
  std::vector<Run> runs_;
  int64_t size_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_OBSERVATION_ELEMENTS_H_
