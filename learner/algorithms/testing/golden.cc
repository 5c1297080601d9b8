#include "learner/algorithms/testing/golden.h"

#include <fstream>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace armature {

nlohmann::json ReadGolden(const std::string& name) {
  std::ifstream file("learner/algorithms/testdata/" + name);
  return nlohmann::json::parse(file);
}

at::Tensor GoldenTensor(const nlohmann::json& golden) {
  const auto values = golden.at("values").get<std::vector<double>>();
  const auto shape = golden.at("shape").get<std::vector<int64_t>>();
  return at::tensor(values, at::kDouble).view(shape).to(at::kFloat);
}

v1::PolicySpec::Activation GoldenActivation(const std::string& name) {
  v1::PolicySpec::Activation activation = v1::PolicySpec::ACTIVATION_UNSPECIFIED;
  v1::PolicySpec::Activation_Parse(absl::StrCat("ACTIVATION_", absl::AsciiStrToUpper(name)),
                                   &activation);
  return activation;
}

std::string GoldenDifference(const at::Tensor& actual, const nlohmann::json& expected) {
  const at::Tensor want = GoldenTensor(expected).flatten();
  const at::Tensor got = actual.flatten();
  if (got.numel() != want.numel()) {
    return absl::StrCat(got.numel(), " elements, expected ", want.numel());
  }
  if (at::allclose(got, want, 1e-4, 1e-5)) return "";
  const int64_t worst = (got - want).abs().argmax().item<int64_t>();
  return absl::StrCat("element ", worst, " is ", got[worst].item<float>(), ", expected ",
                      want[worst].item<float>());
}

}  // namespace armature
