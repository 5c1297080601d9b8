#include "common/policy/policy_wire.h"

#include <algorithm>
#include <vector>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/checksum/crc32c.h"
#include "common/tensor/packed.h"

namespace armature {
namespace {

constexpr size_t kNameBytesMax = 128;  // As in proto/tensor.proto.

uint32_t Checksum(const v1::PolicyUpdate& update) {
  uint32_t crc = 0;
  for (const v1::NamedTensor& named : update.tensors()) {
    crc = Crc32c(named.name(), crc);
    crc = Crc32c(named.tensor().packed(), crc);
  }
  return crc;
}

}  // namespace

void EncodePolicy(const NamedTensors& tensors, v1::PolicyUpdate* update) {
  update->clear_tensors();
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    v1::NamedTensor* named = update->add_tensors();
    named->set_name(name);
    SetTensor<float>(values.sizes(),
                     absl::MakeConstSpan(values.const_data_ptr<float>(), values.numel()),
                     named->mutable_tensor());
  }
  update->set_checksum(Checksum(*update));
}

absl::StatusOr<NamedTensors> DecodePolicy(const v1::PolicyUpdate& update) {
  if (const uint32_t checksum = Checksum(update); checksum != update.checksum()) {
    return absl::DataLossError(absl::StrCat("policy version ", update.version(), ": checksum is ",
                                            checksum, ", expected ", update.checksum()));
  }
  NamedTensors tensors;
  for (const v1::NamedTensor& named : update.tensors()) {
    if (named.name().empty() || named.name().size() > kNameBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("policy: the name of a tensor has ",
                                                     named.name().size(), " bytes, expected 1 to ",
                                                     kNameBytesMax));
    }
    const v1::Tensor& tensor = named.tensor();
    const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
    if (absl::Status status = CheckTensor(tensor, v1::DTYPE_FLOAT32, shape, named.name());
        !status.ok()) {
      return status;
    }
    at::Tensor values = at::empty(shape, at::kFloat);
    const absl::Span<const float> packed = TensorValues<float>(tensor);
    std::copy(packed.begin(), packed.end(), values.mutable_data_ptr<float>());
    tensors.emplace_back(named.name(), std::move(values));
  }
  return tensors;
}

absl::StatusOr<c10::Device> ParseDevice(const std::string& name) {
  const c10::Device cpu(c10::kCPU);
  const c10::Device cuda(c10::kCUDA, 0);
  if (name == "cpu") return cpu;
  if (name == "auto") return at::hasCUDA() ? cuda : cpu;
  if (name != "cuda") {
    return absl::InvalidArgumentError(
        absl::StrCat("device \"", name, "\" is none of auto, cpu, cuda"));
  }
  if (at::hasCUDA()) return cuda;
#ifdef ARMATURE_WITH_CUDA
  return absl::FailedPreconditionError("device \"cuda\": this machine has no usable CUDA device");
#else
  return absl::FailedPreconditionError(
      "device \"cuda\": this program was built without CUDA; build it with --config=cuda");
#endif
}

}  // namespace armature
