#include "learner/run/event_writer.h"

#include <unistd.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/checksum/crc32c.h"
#include "learner/run/event.pb.h"

namespace armature {
namespace {

uint32_t Masked(uint32_t crc) { return ((crc >> 15) | (crc << 17)) + 0xa282ead8u; }

template <typename T>
absl::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

}  // namespace

EventWriter::EventWriter(const std::string& folder, absl::Time now)
    : path_(absl::StrCat(folder, "/events.out.tfevents.", absl::ToUnixSeconds(now), ".armature.",
                         getpid())),
      out_(path_, std::ios::binary | std::ios::app) {
  event::Event first;
  first.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  first.set_file_version("brain.Event:2");
  WriteRecord(first.SerializeAsString());
}

absl::Status EventWriter::AppendStart(int64_t step, absl::Time now) {
  event::Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event.set_step(step);
  event.mutable_session_log()->set_status(event::SessionLog::START);
  WriteRecord(event.SerializeAsString());
  return Flush();
}

absl::Status EventWriter::Append(const std::map<std::string, double>& scalars, int64_t step,
                                 absl::Time now) {
  event::Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event.set_step(step);
  for (const auto& [tag, scalar] : scalars) {
    event::Summary::Value* value = event.mutable_summary()->add_value();
    value->set_tag(tag);
    value->set_simple_value(static_cast<float>(scalar));
  }
  out_.clear();  // A full disk may have room again.
  WriteRecord(event.SerializeAsString());
  return Flush();
}

absl::Status EventWriter::AppendImage(const std::string& tag, const std::string& file,
                                      int64_t width_px, int64_t height_px, int64_t step,
                                      absl::Time now) {
  event::Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event.set_step(step);
  event::Summary::Value* value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("images");
  event::Image* image = value->mutable_image();
  image->set_width(static_cast<int32_t>(width_px));
  image->set_height(static_cast<int32_t>(height_px));
  image->set_colorspace(3);
  image->set_encoded_image_string(file);
  out_.clear();
  WriteRecord(event.SerializeAsString());
  return Flush();
}

absl::Status EventWriter::AppendSettings(const std::map<std::string, std::string>& settings,
                                         absl::Time now) {
  event::HParams data;
  event::SessionStart* start = data.mutable_session_start();
  start->set_start_time_secs(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  for (const auto& [key, text] : settings) {
    event::HParamValue& value = (*start->mutable_hparams())[key];
    double number = 0;
    if (text == "true" || text == "false") {
      value.set_bool_value(text == "true");
    } else if (absl::SimpleAtod(text, &number)) {
      value.set_number_value(number);
    } else {
      value.set_string_value(text);
    }
  }
  return AppendHParams("_hparams_/session_start_info", data.SerializeAsString(), now);
}

absl::Status EventWriter::AppendEnd(absl::Time now) {
  event::HParams data;
  data.mutable_session_end()->set_status(event::SessionEnd::STATUS_SUCCESS);
  data.mutable_session_end()->set_end_time_secs(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  return AppendHParams("_hparams_/session_end_info", data.SerializeAsString(), now);
}

absl::Status EventWriter::AppendHParams(const std::string& tag, const std::string& content,
                                        absl::Time now) {
  event::Event event;
  event.set_wall_time(absl::ToDoubleSeconds(now - absl::UnixEpoch()));
  event::Summary::Value* value = event.mutable_summary()->add_value();
  value->set_tag(tag);
  value->mutable_metadata()->mutable_plugin_data()->set_plugin_name("hparams");
  value->mutable_metadata()->mutable_plugin_data()->set_content(content);
  // Instead of a value: an empty float32 tensor.
  value->mutable_tensor()->set_dtype(1);
  value->mutable_tensor()->mutable_tensor_shape()->add_dim();
  out_.clear();
  WriteRecord(event.SerializeAsString());
  return Flush();
}

absl::Status EventWriter::Flush() {
  out_.flush();
  if (!out_) return absl::UnavailableError(absl::StrCat("cannot write ", path_));
  return absl::OkStatus();
}

void EventWriter::WriteRecord(const std::string& event) {
  const uint64_t length = event.size();
  const uint32_t length_crc = Masked(Crc32c(BytesOf(length)));
  const uint32_t event_crc = Masked(Crc32c(event));
  out_ << BytesOf(length) << BytesOf(length_crc) << event << BytesOf(event_crc);
}

}  // namespace armature
