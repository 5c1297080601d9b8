#include "common/scene/episode_file.h"

#include <fcntl.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "google/protobuf/io/zero_copy_stream_impl.h"
#include "google/protobuf/util/delimited_message_util.h"

namespace armature {
namespace {

using google::protobuf::io::FileInputStream;
using google::protobuf::io::GzipInputStream;
using google::protobuf::io::GzipOutputStream;

GzipOutputStream::Options Packing() {
  GzipOutputStream::Options options;
  options.format = GzipOutputStream::GZIP;
  return options;
}

std::unique_ptr<FileInputStream> TakeFile(int fd) {
  auto file = std::make_unique<FileInputStream>(fd);
  file->SetCloseOnDelete(true);
  return file;
}

}  // namespace

EpisodeWriter::EpisodeWriter(google::protobuf::io::ZeroCopyOutputStream* out)
    : gzip_(out, Packing()) {}

EpisodeWriter::~EpisodeWriter() = default;

absl::Status EpisodeWriter::Write(const v1::WatchResponse& message) {
  if (message.has_opened()) {
    std::string scene =
        message.opened().scene().SerializeAsString() + message.opened().spec().SerializeAsString();
    is_repeated_ = scene == scene_;
    scene_ = std::move(scene);
  }
  if (message.frame().changed_shape_size() > 0) scene_.clear();
  if (is_repeated_ && !message.has_frame()) return absl::OkStatus();
  if (google::protobuf::util::SerializeDelimitedToZeroCopyStream(message, &gzip_)) {
    return absl::OkStatus();
  }
  return absl::UnavailableError("the recording cannot be written");
}

absl::Status EpisodeWriter::Close() {
  if (gzip_.Close()) return absl::OkStatus();
  return absl::UnavailableError("the recording cannot be written");
}

absl::StatusOr<std::string> PackEpisodes(const std::vector<v1::WatchResponse>& messages) {
  std::string packed;
  google::protobuf::io::StringOutputStream stream(&packed);
  EpisodeWriter writer(&stream);
  absl::Status status;
  for (const v1::WatchResponse& message : messages) status.Update(writer.Write(message));
  status.Update(writer.Close());
  if (!status.ok()) return status;
  return packed;
}

absl::StatusOr<std::unique_ptr<EpisodeReader>> EpisodeReader::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) return absl::WrapUnique(new EpisodeReader(path, fd));
  const int error = errno;
  const std::string why = absl::StrCat("cannot read ", path, ": ", std::strerror(error));
  if (error == ENOENT) return absl::NotFoundError(why);
  return absl::UnavailableError(why);
}

EpisodeReader::EpisodeReader(std::string path, int fd)
    : path_(std::move(path)), file_(TakeFile(fd)), gzip_(file_.get(), GzipInputStream::GZIP) {}

EpisodeReader::~EpisodeReader() = default;

absl::StatusOr<bool> EpisodeReader::Next(v1::WatchResponse* message) {
  message->Clear();
  bool ended = false;
  if (google::protobuf::util::ParseDelimitedFromZeroCopyStream(message, &gzip_, &ended)) {
    ++messages_;
    return true;
  }
  if (messages_ == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path_, " is no recording of episodes"));
  }
  is_complete_ = ended && gzip_.ZlibErrorCode() == 1;  // Z_STREAM_END
  return false;
}

}  // namespace armature
