#include "actor/link/run_settings.h"

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "google/protobuf/util/message_differencer.h"

namespace armature {

std::string DescribeSettingsChange(const v1::JoinResponse& before, const v1::JoinResponse& after) {
  google::protobuf::util::MessageDifferencer differencer;
  // Parameters change during a run; the newest come with policies.
  for (const int number :
       {v1::JoinResponse::kHandshakeFieldNumber, v1::JoinResponse::kAcknowledgedSequenceFieldNumber,
        v1::JoinResponse::kParametersFieldNumber}) {
    differencer.IgnoreField(v1::JoinResponse::descriptor()->FindFieldByNumber(number));
  }
  std::string report;
  differencer.ReportDifferencesToString(&report);
  if (differencer.Compare(before, after)) return "";
  return absl::StrJoin(absl::StrSplit(report, '\n', absl::SkipEmpty()), ", ");
}

}  // namespace armature
