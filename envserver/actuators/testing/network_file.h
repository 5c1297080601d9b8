// Makes files of actuator networks, right ones and wrong ones, and says what they should compute.
#ifndef ARMATURE_ENVSERVER_ACTUATORS_TESTING_NETWORK_FILE_H_
#define ARMATURE_ENVSERVER_ACTUATORS_TESTING_NETWORK_FILE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace armature {

struct NetworkFile {
  struct Tensor {
    std::vector<int64_t> shape;
    std::vector<float> values;
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;

  std::string Content() const;

  // The torque for one joint's inputs, in float64 and with the C++ library's functions.
  double Torque(const std::vector<float>& inputs) const;
};

// With random weights of the size that trained ones have. `sizes`: inputs, hidden units; one output
// is added.
NetworkFile RandomNetworkFile(const std::vector<int>& sizes, const std::string& activation);

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_ACTUATORS_TESTING_NETWORK_FILE_H_
