#include "learner/nn/scalar_means.h"

#include <cmath>
#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"

namespace armature {

ScalarMeans::ScalarMeans(std::vector<std::string> names, c10::Device device)
    : names_(std::move(names)),
      sums_(at::zeros({static_cast<int64_t>(names_.size())},
                      at::TensorOptions().dtype(at::kDouble).device(device))) {}

void ScalarMeans::Add(const std::vector<at::Tensor>& values) {
  sums_.add_(at::stack(values));
  ++count_;
}

void ScalarMeans::Take(Scalars* scalars) {
  if (count_ == 0) return;
  const at::Tensor means = (sums_ / static_cast<double>(count_)).cpu();
  for (size_t i = 0; i < names_.size(); ++i) {
    (*scalars)[names_[i]] = means.const_data_ptr<double>()[i];
  }
  sums_.zero_();
  count_ = 0;
}

std::string ScalarMeans::NonFinite() const {
  const at::Tensor sums = sums_.cpu();
  for (size_t i = 0; i < names_.size(); ++i) {
    const double sum = sums.const_data_ptr<double>()[i];
    if (!std::isfinite(sum)) return absl::StrCat(names_[i], " is ", sum);
  }
  return "";
}

}  // namespace armature
