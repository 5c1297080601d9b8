#include "common/safetensors/safetensors.h"

#include <cstring>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

constexpr char kFour[] = "\0\0\x80?\0\0\0\x40";  // 1 and 2, float32.

std::string Example() {
  const std::vector<StoredTensor> tensors = {
      {"b", "F32", {2, 1}, {kFour, 8}}, {"empty", "F32", {0, 3}, {}}, {"a", "U8", {3}, "xyz"}};
  const absl::StatusOr<std::string> head = SafetensorsHead({{"note", "\"quoted\""}}, tensors);
  EXPECT_TRUE(head.ok()) << head.status();
  return absl::StrCat(*head, absl::string_view(kFour, 8), "xyz");
}

// A file with this header and 8 bytes of values.
absl::Status StatusOf(const std::string& header) {
  const uint64_t bytes = header.size();
  std::string content(reinterpret_cast<const char*>(&bytes), 8);
  return ParseSafetensors(absl::StrCat(content, header, absl::string_view(kFour, 8))).status();
}

TEST(Safetensors, ParsesWhatItWroteWithoutCopyingValues) {
  const std::string content = Example();
  const absl::StatusOr<Safetensors> file = ParseSafetensors(content);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE(file->has_checksum);
  EXPECT_EQ(file->metadata, (std::map<std::string, std::string>{{"note", "\"quoted\""}}));
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors[0].name, "b");
  EXPECT_EQ(file->tensors[0].dtype, "F32");
  EXPECT_EQ(file->tensors[0].shape, (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(file->tensors[0].bytes, absl::string_view(kFour, 8));
  EXPECT_EQ(file->tensors[1].name, "empty");
  EXPECT_EQ(file->tensors[2].bytes, "xyz");
  EXPECT_EQ(file->tensors[2].bytes.data(), content.data() + content.size() - 3);
}

TEST(Safetensors, AFileOfAnotherWriterNeedsNeitherMetadataNorChecksum) {
  EXPECT_TRUE(StatusOf(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}  )").ok());
  EXPECT_TRUE(StatusOf(R"({"__metadata__":{"format":"pt"},)"
                       R"("a":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})")
                  .ok());
}

TEST(Safetensors, DamageIsDataLoss) {
  std::string content = Example();
  for (size_t size = 0; size < content.size(); ++size) {
    ASSERT_EQ(ParseSafetensors(content.substr(0, size)).status().code(),
              absl::StatusCode::kDataLoss)
        << size;
  }
  content.back() ^= 1;
  EXPECT_THAT(ParseSafetensors(content).status().message(), HasSubstr("checksum differs"));
}

TEST(Safetensors, AChangedHeaderIsDataLoss) {
  const std::string content = Example();
  for (const char* text : {"quoted", "\"F32\"", "[2,1]"}) {
    std::string changed = content;
    changed[changed.find(text) + 1] ^= 1;
    EXPECT_EQ(ParseSafetensors(changed).status().code(), absl::StatusCode::kDataLoss) << text;
  }
  std::string changed = content;
  changed[changed.find("quoted")] ^= 1;
  EXPECT_THAT(ParseSafetensors(changed).status().message(),
              HasSubstr("checksum of the header differs"));
}

TEST(Safetensors, AMessageNamesTheTensor) {
  EXPECT_THAT(StatusOf(R"({"a":{"dtype":"F8","shape":[8],"data_offsets":[0,8]}})").message(),
              HasSubstr("tensor a: unknown dtype"));
  EXPECT_THAT(StatusOf(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})").message(),
              HasSubstr("tensor a: shape exceeds the file"));
  EXPECT_THAT(StatusOf(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})").message(),
              HasSubstr("tensor a: shape exceeds the file"));
  EXPECT_THAT(StatusOf(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,9]}})").message(),
              HasSubstr("tensor a: data_offsets do not fit"));
  EXPECT_THAT(StatusOf(R"({"a":{"dtype":"U8","shape":[7],"data_offsets":[0,7]}})").message(),
              HasSubstr("bytes beyond the last tensor"));
}

TEST(Safetensors, WhatCannotBeStoredIsAnError) {
  for (const StoredTensor& wrong :
       {StoredTensor{"a", "F32", {3}, {kFour, 8}}, StoredTensor{"a", "F8", {8}, {kFour, 8}},
        StoredTensor{"b", "U8", {8}, {kFour, 8}},
        StoredTensor{"__metadata__", "U8", {8}, {kFour, 8}}}) {
    const StoredTensor right = {"b", "F32", {2}, {kFour, 8}};
    EXPECT_EQ(SafetensorsHead({}, {right, wrong}).status().code(), absl::StatusCode::kInternal);
  }
}

}  // namespace
}  // namespace armature
