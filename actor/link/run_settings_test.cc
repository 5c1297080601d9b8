#include "actor/link/run_settings.h"

#include <memory>

#include "gmock/gmock.h"
#include "google/protobuf/descriptor.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

// Sets `field` of `message` to a value that is not its default.
void Set(const google::protobuf::FieldDescriptor* field, google::protobuf::Message* message) {
  using Field = google::protobuf::FieldDescriptor;
  const google::protobuf::Reflection* reflection = message->GetReflection();
  if (field->is_map()) {
    google::protobuf::Message* entry = reflection->AddMessage(message, field);
    Set(field->message_type()->FindFieldByName("key"), entry);
    return;
  }
  switch (field->cpp_type()) {
    case Field::CPPTYPE_UINT32:
      return reflection->SetUInt32(message, field, 7);
    case Field::CPPTYPE_UINT64:
      return reflection->SetUInt64(message, field, 7);
    case Field::CPPTYPE_BOOL:
      return reflection->SetBool(message, field, true);
    case Field::CPPTYPE_DOUBLE:
      return reflection->SetDouble(message, field, 0.5);
    case Field::CPPTYPE_ENUM:
      return reflection->SetEnumValue(message, field, 1);
    case Field::CPPTYPE_STRING:
      return reflection->SetString(message, field, "other");
    case Field::CPPTYPE_MESSAGE: {
      google::protobuf::Message* inner = reflection->MutableMessage(message, field);
      const google::protobuf::FieldDescriptor* first = inner->GetDescriptor()->field(0);
      if (!first->is_repeated()) Set(first, inner);
      return;
    }
    default:
      FAIL() << field->full_name() << " is of a type that this test does not know";
  }
}

TEST(RunSettingsTest, NoMemberOfTheAnswerIsOverlooked) {
  const google::protobuf::Descriptor* descriptor = v1::JoinResponse::descriptor();
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const google::protobuf::FieldDescriptor* field = descriptor->field(i);
    v1::JoinResponse changed;
    Set(field, &changed);
    const std::string change = DescribeSettingsChange(v1::JoinResponse(), changed);
    if (field->name() == "handshake" || field->name() == "acknowledged_sequence") {
      EXPECT_EQ(change, "");
    } else {
      EXPECT_THAT(change, HasSubstr(field->name()));
    }
  }
}

TEST(RunSettingsTest, NamesTheMembersWithBothValuesOnOneLine) {
  v1::JoinResponse before, after;
  before.set_unroll_length(4);
  after.set_unroll_length(6);
  before.mutable_exploration()->set_normal_noise_std(0.5);
  after.mutable_exploration()->set_normal_noise_std(0.25);
  EXPECT_EQ(DescribeSettingsChange(before, after),
            "modified: unroll_length: 4 -> 6, modified: exploration.normal_noise_std: 0.5 -> 0.25");
}

TEST(RunSettingsTest, AParameterMayHaveAnotherValueButTheNamesAreSettings) {
  v1::JoinResponse before, after;
  (*before.mutable_parameters())["slope"] = 0.25;
  (*after.mutable_parameters())["slope"] = 0.75;
  EXPECT_EQ(DescribeSettingsChange(before, after), "");
  // Without this the slots would keep a value that the learner no longer sets.
  after.clear_parameters();
  EXPECT_THAT(DescribeSettingsChange(before, after), HasSubstr("parameters"));
}

}  // namespace
}  // namespace armature
