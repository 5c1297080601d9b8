#include "learner/replicas/tensor_wire.h"

#include <limits>
#include <string>

#include "ATen/ATen.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

NamedTensors Some() {
  return {{"a", at::arange(6, at::kFloat).view({2, 3})},
          {"b.count", at::full({}, 3.5, at::kDouble)},
          {"steps", at::full({}, 7, at::kLong)}};
}

TEST(TensorWire, GivesBackWhatWasSent) {
  v1::TensorList list;
  EncodeTensors(Some(), &list);
  const absl::StatusOr<NamedTensors> decoded = DecodeTensors(list);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  const NamedTensors sent = Some();
  ASSERT_EQ(decoded->size(), sent.size());
  for (size_t i = 0; i < sent.size(); ++i) {
    EXPECT_EQ((*decoded)[i].first, sent[i].first);
    EXPECT_EQ((*decoded)[i].second.scalar_type(), sent[i].second.scalar_type());
    EXPECT_TRUE(at::equal((*decoded)[i].second, sent[i].second));
  }
}

TEST(TensorWire, ADamagedByteIsDataLoss) {
  v1::TensorList list;
  EncodeTensors(Some(), &list);
  (*list.mutable_tensors(0)->mutable_tensor()->mutable_packed())[5] ^= 1;
  EXPECT_TRUE(absl::IsDataLoss(DecodeTensors(list).status()));
}

TEST(TensorWire, WhatIsNotFiniteIsRefusedByName) {
  NamedTensors tensors = Some();
  tensors[0].second[1][2] = std::numeric_limits<float>::quiet_NaN();
  v1::TensorList list;
  EncodeTensors(tensors, &list);
  const absl::Status status = DecodeTensors(list).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("a[1,2]"));
}

TEST(TensorWire, OtherTypesAreRefused) {
  v1::TensorList list;
  EncodeTensors({{"bytes", at::zeros({0})}}, &list);
  list.mutable_tensors(0)->mutable_tensor()->set_dtype(v1::DTYPE_UINT8);
  EXPECT_THAT(std::string(DecodeTensors(list).status().message()), HasSubstr("DTYPE_UINT8"));
}

TEST(TensorWire, ALayoutThatDiffersIsNamed) {
  google::protobuf::RepeatedPtrField<v1::NamedTensor> layout;
  EncodeLayout(Some(), &layout);
  EXPECT_TRUE(CheckLayout(layout, Some(), "replica 1").ok());
  NamedTensors other = Some();
  other[0].second = at::zeros({2, 4});
  const absl::Status status = CheckLayout(layout, other, "replica 1");
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("replica 1: tensor 0 is a DTYPE_FLOAT32 [2,3], expected a DTYPE_FLOAT32 "
                        "[2,4]"));
  NamedTensors fewer = Some();
  fewer.pop_back();
  EXPECT_THAT(std::string(CheckLayout(layout, fewer, "replica 1").message()),
              HasSubstr("is steps DTYPE_INT64 [], expected nothing"));
}

}  // namespace
}  // namespace armature
