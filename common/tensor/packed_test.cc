#include "common/tensor/packed.h"

#include <cmath>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::Tensor Matrix(const std::vector<float>& values) {
  v1::Tensor tensor;
  SetTensor<float>({2, 2}, values, &tensor);
  return tensor;
}

TEST(PackedTest, GivesBackWhatWasSet) {
  EXPECT_THAT(TensorValues<float>(Matrix({1, 2, 3, 4})), ElementsAre(1, 2, 3, 4));
  EXPECT_TRUE(CheckTensor(Matrix({1, 2, 3, 4}), v1::DTYPE_FLOAT32, {-1, 2}, "x").ok());
}

TEST(PackedTest, NamesTheFieldTheIndexAndTheFault) {
  EXPECT_EQ(CheckTensor(Matrix({1, 2, NAN, 4}), v1::DTYPE_FLOAT32, {2, 2}, "reward").message(),
            "reward[1,0] is nan, expected a finite value");
  EXPECT_EQ(CheckTensor(Matrix({1, 2, 3, 4}), v1::DTYPE_FLOAT32, {-1, 3}, "action").message(),
            "action: shape is [2,2], expected [n,3]");
  EXPECT_THAT(CheckTensor(Matrix({}), v1::DTYPE_INT32, {2, 2}, "slot").message(),
              HasSubstr("slot: dtype is DTYPE_FLOAT32, expected DTYPE_INT32"));
}

TEST(PackedTest, RefusesBytesThatDoNotFillTheShape) {
  v1::Tensor tensor = Matrix({1, 2, 3, 4});
  tensor.mutable_packed()->pop_back();
  EXPECT_THAT(CheckTensor(tensor, v1::DTYPE_FLOAT32, {2, 2}, "x").message(), HasSubstr("15 bytes"));
}

TEST(PackedTest, ExtentsThatOverflowAreRefusedNotWrapped) {
  v1::Tensor tensor;
  tensor.set_dtype(v1::DTYPE_FLOAT32);
  for (int i = 0; i < 8; ++i) tensor.add_shape(1u << 31);
  EXPECT_FALSE(CheckTensor(tensor, v1::DTYPE_FLOAT32, std::vector<int64_t>(8, -1), "x").ok());
}

TEST(PackedTest, FlagsAreZeroOrOne) {
  v1::Tensor tensor;
  SetTensor<uint8_t>({2}, std::vector<uint8_t>{1, 2}, &tensor);
  EXPECT_THAT(CheckFlags(tensor, {2}, "terminated").message(), HasSubstr("holds 2"));
}

}  // namespace
}  // namespace armature
