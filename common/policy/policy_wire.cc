#include "common/policy/policy_wire.h"

#include <utility>

#include "ATen/ATen.h"
#include "absl/strings/str_cat.h"
#include "common/policy/tensor_messages.h"

namespace armature {
namespace {

constexpr size_t kNameBytesMax = 128;  // As in proto/tensor.proto.

}  // namespace

void EncodePolicy(const NamedTensors& tensors, v1::PolicyUpdate* update) {
  NamedTensors floats;
  for (const auto& [name, tensor] : tensors) floats.emplace_back(name, tensor.to(at::kFloat));
  update->set_checksum(EncodeTensors(floats, update->mutable_tensors()));
}

absl::StatusOr<NamedTensors> DecodePolicy(const v1::PolicyUpdate& update) {
  if (absl::Status status = CheckTensors(update.tensors(), update.checksum(),
                                         absl::StrCat("policy version ", update.version()));
      !status.ok()) {
    return status;
  }
  NamedTensors tensors;
  for (const v1::NamedTensor& named : update.tensors()) {
    if (named.name().empty() || named.name().size() > kNameBytesMax) {
      return absl::InvalidArgumentError(absl::StrCat("policy: the name of a tensor has ",
                                                     named.name().size(), " bytes, expected 1 to ",
                                                     kNameBytesMax));
    }
    absl::StatusOr<at::Tensor> tensor = DecodeTensor(named, v1::DTYPE_FLOAT32);
    if (!tensor.ok()) return tensor.status();
    tensors.emplace_back(named.name(), *std::move(tensor));
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
