#include "deploy/film/mp4_file.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

extern char** environ;

namespace armature {
namespace {

constexpr int64_t kSideMaxPx = 16384;
constexpr double kFramesPerSMin = 0.1;

absl::Status CheckFormat(const VideoFormat& format) {
  for (const int64_t side_px : {format.width_px, format.height_px}) {
    if (side_px < 2 || side_px > kSideMaxPx) {
      return absl::InvalidArgumentError(absl::StrCat("an MP4 cannot have pictures of ",
                                                     format.width_px, " x ", format.height_px,
                                                     " pixels; each side is in 2 .. ", kSideMaxPx));
    }
  }
  if (!(format.frames_per_s >= kFramesPerSMin && format.frames_per_s <= Mp4File::kFramesPerSMax)) {
    return absl::InvalidArgumentError(absl::StrCat("an MP4 cannot have ", format.frames_per_s,
                                                   " pictures a second; expected ", kFramesPerSMin,
                                                   " .. ", Mp4File::kFramesPerSMax));
  }
  return absl::OkStatus();
}

std::vector<std::string> Arguments(const std::string& program, const VideoFormat& format,
                                   const std::string& path) {
  return {program, "-nostdin", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
          "-video_size", absl::StrCat(format.width_px, "x", format.height_px), "-framerate",
          absl::StrFormat("%.6f", format.frames_per_s), "-i", "pipe:0", "-vf",
          "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-codec:v", "libx264", "-crf", "20", "-pix_fmt",
          "yuv420p",
          // Players and browsers can begin before they have all of it.
          "-movflags", "+faststart", "-f", "mp4", "-y", path};
}

}  // namespace

absl::StatusOr<std::unique_ptr<VideoFile>> Mp4File::Create(const std::string& path,
                                                           const VideoFormat& format,
                                                           const std::string& program) {
  if (absl::Status status = CheckFormat(format); !status.ok()) return status;
  auto part = PartFile::Open(path);
  if (!part.ok()) return part.status();
  auto file = absl::WrapUnique(new Mp4File(path, *std::move(part)));
  if (absl::Status status = file->Start(format, program); !status.ok()) return status;
  return file;
}

Mp4File::Mp4File(std::string path, std::unique_ptr<PartFile> part)
    : path_(std::move(path)), part_(std::move(part)) {}

absl::Status Mp4File::Start(const VideoFormat& format, const std::string& program) {
  picture_bytes_ = format.width_px * format.height_px * 3;
  int sockets[2];
  messages_ = memfd_create("ffmpeg", MFD_CLOEXEC);
  if (messages_ < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot start ", program, ": ", std::strerror(errno)));
  }
  socket_ = sockets[0];
  const std::vector<std::string> arguments = Arguments(program, format, part_->part_path());
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, sockets[1], STDIN_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, messages_, STDERR_FILENO);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // A group of its own, which the terminal's Ctrl-C does not reach, and no blocked signals.
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  const int error = posix_spawnp(&pid_, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  close(sockets[1]);
  if (error == 0) return absl::OkStatus();
  pid_ = 0;
  if (error == ENOENT) {
    return absl::FailedPreconditionError(
        absl::StrCat("an MP4 needs the program ", program,
                     ", which is not installed: apt-get install ffmpeg; or write a .gif"));
  }
  return absl::UnavailableError(absl::StrCat("cannot start ", program, ": ", std::strerror(error)));
}

Mp4File::~Mp4File() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    (void)Finish();
  }
  if (socket_ >= 0) close(socket_);
  if (messages_ >= 0) close(messages_);
}

absl::Status Mp4File::Add(absl::Span<const uint8_t> rgb) {
  if (static_cast<int64_t>(rgb.size()) != picture_bytes_) {
    return absl::InvalidArgumentError(
        absl::StrCat("a picture has ", rgb.size(), " bytes, expected ", picture_bytes_));
  }
  while (!rgb.empty()) {
    const ssize_t sent = send(socket_, rgb.data(), rgb.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) {
      const std::string why = std::strerror(errno);
      absl::Status status = Finish();
      return status.ok() ? PartFile::Failure(path_, why) : status;
    }
    rgb.remove_prefix(sent);
  }
  return absl::OkStatus();
}

absl::Status Mp4File::Close() {
  if (pid_ <= 0) return PartFile::Failure(path_, "ffmpeg has ended early");
  if (absl::Status status = Finish(); !status.ok()) return status;
  return part_->Commit();
}

absl::Status Mp4File::Finish() {
  close(std::exchange(socket_, -1));
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  std::string said(4096, '\0');
  const ssize_t size = pread(messages_, said.data(), said.size(), 0);
  said.resize(size < 0 ? 0 : size);
  const std::vector<std::string> lines = absl::StrSplit(said, '\n', absl::SkipWhitespace());
  // Its exit status is 0 even if the disk was full when it wrote the end.
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && lines.empty()) return absl::OkStatus();
  return PartFile::Failure(
      path_, lines.empty() ? "ffmpeg failed" : absl::StrCat("ffmpeg said: ", lines.back()));
}

}  // namespace armature
