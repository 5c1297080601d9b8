#include "learner/training/run_checkpoint.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/message.h"
#include "google/protobuf/util/json_util.h"
#include "nlohmann/json.hpp"

namespace armature {
namespace {

using Json = nlohmann::json;

constexpr char kFormatVersion[] = "1";
// Its rows are in files beside it. Once loaded it is as one of format 1.
constexpr char kFormatWithSegments[] = "2";
constexpr char kCheckpointKind[] = "armature checkpoint";

std::string ToJson(const google::protobuf::Message& message) {
  std::string json;
  // Cannot fail for our messages: they have no Any and no unknown enum.
  (void)google::protobuf::util::MessageToJsonString(message, &json);
  return json;
}

Json CountersToJson(const RunCounters& c) {
  return {{"env_steps", c.env_steps},
          {"learner_steps", c.learner_steps},
          {"episodes", c.episodes},
          {"restarted_slots", c.restarted_slots},
          {"batches_admitted", c.batches_admitted},
          {"batches_refused", c.batches_refused},
          {"evaluations", c.evaluations},
          {"wall_s", c.wall_s}};
}

RunCounters CountersFromJson(const Json& json) {
  RunCounters c;
  c.env_steps = json.at("env_steps");
  c.learner_steps = json.at("learner_steps");
  c.episodes = json.at("episodes");
  c.restarted_slots = json.at("restarted_slots");
  c.batches_admitted = json.at("batches_admitted");
  c.batches_refused = json.at("batches_refused");
  c.evaluations = json.at("evaluations");
  c.wall_s = json.at("wall_s");
  return c;
}

}  // namespace

TensorFile RunCheckpoint::ToFile() const {
  Json sequences = Json::array();
  for (const auto& [actor, sequence] : acknowledged) {
    sequences.push_back({actor.first, actor.second, sequence});
  }
  return {{{"kind", kCheckpointKind},
           {"format_version", rows == nullptr ? kFormatVersion : kFormatWithSegments},
           {"run_id", run_id},
           {"env_id", env.id},
           {"env", ToJson(env.ToProto())},
           {"counters", CountersToJson(counters).dump()},
           {"acknowledged", sequences.dump()}},
          state};
}

absl::StatusOr<RunCheckpoint> RunCheckpoint::FromFile(TensorFile file) {
  const std::string& version = file.metadata["format_version"];
  if (file.metadata["kind"] != kCheckpointKind ||
      (version != kFormatVersion && version != kFormatWithSegments)) {
    return absl::DataLossError(absl::StrCat("not an ", kCheckpointKind, " of format ",
                                            kFormatVersion, " or ", kFormatWithSegments, ", but '",
                                            file.metadata["kind"], "' of format '", version, "'"));
  }
  RunCheckpoint checkpoint;
  checkpoint.run_id = file.metadata["run_id"];
  v1::EnvSpec env;
  if (!google::protobuf::util::JsonStringToMessage(file.metadata["env"], &env).ok()) {
    return absl::DataLossError("the checkpoint's env is malformed");
  }
  absl::StatusOr<EnvSpec> spec = EnvSpec::FromProto(env);
  if (!spec.ok()) return absl::DataLossError(spec.status().message());
  checkpoint.env = *std::move(spec);
  try {
    checkpoint.counters = CountersFromJson(Json::parse(file.metadata["counters"]));
    for (const Json& entry : Json::parse(file.metadata["acknowledged"])) {
      checkpoint.acknowledged[{entry.at(0), entry.at(1)}] = entry.at(2);
    }
  } catch (const Json::exception& error) {
    return absl::DataLossError("the checkpoint's counters are malformed");
  }
  checkpoint.state = std::move(file.tensors);
  return checkpoint;
}

}  // namespace armature
