#include "actor/link/run_settings.h"

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/message_differencer.h"

namespace armature {
namespace {

// Values of parameters change during a run; the newest come with policies.
v1::JoinResponse WithoutParameterValues(v1::JoinResponse response) {
  for (auto& parameter : *response.mutable_parameters()) parameter.second = 0;
  return response;
}

}  // namespace

std::string DescribeSettingsChange(const v1::JoinResponse& before, const v1::JoinResponse& after) {
  google::protobuf::util::MessageDifferencer differencer;
  for (const int number : {v1::JoinResponse::kHandshakeFieldNumber,
                           v1::JoinResponse::kAcknowledgedSequenceFieldNumber}) {
    differencer.IgnoreField(v1::JoinResponse::descriptor()->FindFieldByNumber(number));
  }
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(WithoutParameterValues(before), WithoutParameterValues(after))) return "";
  return absl::StrJoin(absl::StrSplit(report, '\n', absl::SkipEmpty()), ", ");
}

}  // namespace armature
