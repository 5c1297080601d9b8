#include "common/policy/policy_wire.h"

#include "ATen/ATen.h"
#include "ATen/CPUGeneratorImpl.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

v1::PolicyUpdate MakeUpdate() {
  at::Generator generator = at::detail::createCPUGenerator(1);
  v1::PolicyUpdate update;
  EncodePolicy({{"actor.0.weight", at::randn({3, 2}, generator).t()},  // Not contiguous.
                {"actor.0.bias", at::randn({2}, generator)}},
               &update);
  return update;
}

TEST(PolicyWireTest, DecodedTensorsEqualTheEncodedOnes) {
  const auto tensors = DecodePolicy(MakeUpdate());
  ASSERT_TRUE(tensors.ok()) << tensors.status();
  at::Generator generator = at::detail::createCPUGenerator(1);
  ASSERT_EQ(tensors->size(), 2u);
  EXPECT_EQ((*tensors)[0].first, "actor.0.weight");
  EXPECT_TRUE(at::equal((*tensors)[0].second, at::randn({3, 2}, generator).t()));
  EXPECT_TRUE(at::equal((*tensors)[1].second, at::randn({2}, generator)));
}

TEST(PolicyWireTest, AFlippedBitAnywhereIsDataLoss) {
  const v1::PolicyUpdate update = MakeUpdate();
  for (int t = 0; t < update.tensors_size(); ++t) {
    for (size_t byte = 0; byte < update.tensors(t).tensor().packed().size(); ++byte) {
      v1::PolicyUpdate damaged = update;
      (*damaged.mutable_tensors(t)->mutable_tensor()->mutable_packed())[byte] ^= 1;
      EXPECT_EQ(DecodePolicy(damaged).status().code(), absl::StatusCode::kDataLoss);
    }
    v1::PolicyUpdate renamed = update;
    renamed.mutable_tensors(t)->mutable_name()->back() ^= 1;
    EXPECT_EQ(DecodePolicy(renamed).status().code(), absl::StatusCode::kDataLoss);
  }
}

TEST(PolicyWireTest, NonFiniteAndMalformedTensorsAreNamed) {
  v1::PolicyUpdate update;
  EncodePolicy({{"actor.0.bias", at::full({2}, INFINITY)}}, &update);
  absl::Status status = DecodePolicy(update).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("actor.0.bias"), std::string::npos);

  update = MakeUpdate();
  update.mutable_tensors(1)->mutable_tensor()->set_shape(0, 3);
  status = DecodePolicy(update).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("actor.0.bias"), std::string::npos);
}

TEST(ParseDeviceTest, AutoTakesCudaWhereThereIsOne) {
  EXPECT_EQ(*ParseDevice("cpu"), c10::Device(c10::kCPU));
  EXPECT_EQ(ParseDevice("auto")->is_cuda(), at::hasCUDA());
  EXPECT_EQ(ParseDevice("tpu").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ParseDeviceTest, CudaIsRefusedWithTheReasonWhereThereIsNone) {
  const auto device = ParseDevice("cuda");
  if (at::hasCUDA()) {
    EXPECT_EQ(*device, c10::Device(c10::kCUDA, 0));
    return;
  }
  EXPECT_EQ(device.status().code(), absl::StatusCode::kFailedPrecondition);
#ifdef ARMATURE_WITH_CUDA
  EXPECT_NE(device.status().message().find("this machine"), std::string::npos);
#else
  EXPECT_NE(device.status().message().find("--config=cuda"), std::string::npos);
#endif
}

}  // namespace
}  // namespace armature
