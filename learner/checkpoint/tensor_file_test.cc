#include "learner/checkpoint/tensor_file.h"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "ATen/ATen.h"
#include "absl/status/status.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

std::string PathOf(const std::string& name) { return testing::TempDir() + "/" + name; }

std::string Bytes(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void Replace(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

TensorFile Example() {
  return {{{"run_id", "r1"}, {"note", "\"quoted\"\n"}},
          {{"weight", at::arange(12, at::kFloat).reshape({3, 4})},
           {"none", at::empty({0, 3}, at::kFloat)},
           {"half", at::arange(3, at::kHalf)},
           {"count", at::full({}, 7, at::kLong)},
           {"mean", at::full({2}, 0.1, at::kDouble)},
           {"index", at::arange(3, at::kInt)},
           {"state", at::arange(5, at::kByte)}}};
}

TEST(TensorFile, ReadsBackWhatItWrote) {
  const std::string path = PathOf("example.safetensors");
  const TensorFile written = Example();
  ASSERT_TRUE(written.Write(path).ok());
  const absl::StatusOr<TensorFile> read = TensorFile::Read(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->metadata, written.metadata);
  ASSERT_EQ(read->tensors.size(), written.tensors.size());
  for (size_t i = 0; i < written.tensors.size(); ++i) {
    EXPECT_EQ(read->tensors[i].first, written.tensors[i].first);
    EXPECT_EQ(read->tensors[i].second.scalar_type(), written.tensors[i].second.scalar_type());
    EXPECT_TRUE(at::equal(read->tensors[i].second, written.tensors[i].second));
  }
}

TEST(TensorFile, TellsHowFarItIsFromNothingToTheWholeFile) {
  const std::string path = PathOf("told.safetensors");
  constexpr int64_t kMiB = 1 << 20;
  const TensorFile file = {{}, {{"large", at::zeros({150 * kMiB}, at::kByte)}}};
  std::vector<uint64_t> written;
  uint64_t total = 0;
  const auto on_written = [&](uint64_t written_bytes, uint64_t total_bytes) {
    written.push_back(written_bytes);
    total = total_bytes;
  };
  ASSERT_TRUE(file.Write(path, on_written).ok());
  EXPECT_EQ(total, std::filesystem::file_size(path));
  EXPECT_EQ(written.front(), 0u);
  EXPECT_EQ(written.back(), total);
  for (size_t i = 1; i < written.size(); ++i) {
    EXPECT_GT(written[i], written[i - 1]);
    EXPECT_LE(written[i], written[i - 1] + 64 * kMiB);
  }
  std::filesystem::remove(path);
}

// As other safetensors readers see it.
TEST(TensorFile, LayoutIsThatOfSafetensors) {
  const std::string path = PathOf("layout.safetensors");
  ASSERT_TRUE(Example().Write(path).ok());
  const std::string bytes = Bytes(path);
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.data(), 8);
  const auto header = nlohmann::json::parse(bytes.substr(8, header_bytes));
  EXPECT_EQ(header["weight"]["dtype"], "F32");
  EXPECT_EQ(header["weight"]["shape"], (std::vector<int>{3, 4}));
  EXPECT_EQ(header["weight"]["data_offsets"], (std::vector<int>{0, 48}));
  EXPECT_EQ(header["__metadata__"]["run_id"], "r1");
  float last;
  std::memcpy(&last, bytes.data() + 8 + header_bytes + 44, 4);
  EXPECT_EQ(last, 11.0f);
}

TEST(TensorFile, AFlippedBitOfTheValuesIsDataLoss) {
  const std::string path = PathOf("flipped.safetensors");
  ASSERT_TRUE(Example().Write(path).ok());
  std::string bytes = Bytes(path);
  bytes[bytes.size() - 3] ^= 4;
  Replace(path, bytes);
  const absl::Status status = TensorFile::Read(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(status.message(), testing::HasSubstr(path));
}

TEST(TensorFile, EveryTruncationIsDataLoss) {
  const std::string path = PathOf("cut.safetensors");
  ASSERT_TRUE(Example().Write(path).ok());
  const std::string bytes = Bytes(path);
  for (size_t size = 0; size < bytes.size(); size += 7) {
    Replace(path, bytes.substr(0, size));
    ASSERT_EQ(TensorFile::Read(path).status().code(), absl::StatusCode::kDataLoss) << size;
  }
}

TEST(TensorFile, EveryDamagedHeaderByteIsRefusedOrHarmless) {
  const std::string path = PathOf("header.safetensors");
  ASSERT_TRUE(Example().Write(path).ok());
  const std::string bytes = Bytes(path);
  uint64_t header_bytes;
  std::memcpy(&header_bytes, bytes.data(), 8);
  int refused = 0;
  for (size_t i = 0; i < 8 + header_bytes; ++i) {
    std::string damaged = bytes;
    damaged[i] ^= 1;
    Replace(path, damaged);
    if (!TensorFile::Read(path).ok()) ++refused;
  }
  EXPECT_GT(refused, static_cast<int>(header_bytes) / 2);
}

TEST(TensorFile, AMissingFileIsNotFound) {
  EXPECT_EQ(TensorFile::Read(PathOf("absent")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace armature
