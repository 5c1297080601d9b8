// A process that is killed at any moment leaves the checkpoint before or the new one, whole.
//
// This program's own versions of the calls that change a disk count them, so that a child can die
// before any of them, and in the middle of a write.
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <set>
#include <string>

#include "ATen/ATen.h"
#include "common/files/atomic_file.h"
#include "common/files/testing/test_path.h"
#include "gtest/gtest.h"
#include "learner/checkpoint/checkpoint_folder.h"
#include "learner/checkpoint/testing/counted_ring.h"

namespace {

// Calls until the process dies; negative: it lives.
int calls_left = -1;

// Whether to die now.
bool IsLast() {
  if (calls_left < 0) return false;
  return calls_left-- == 0;
}
void Die() { kill(getpid(), SIGKILL); }

}  // namespace

extern "C" {

ssize_t write(int file, const void* bytes, size_t size) {
  if (IsLast()) {
    syscall(SYS_write, file, bytes, size / 2);
    Die();
  }
  return syscall(SYS_write, file, bytes, size);
}
int fsync(int file) {
  if (IsLast()) Die();
  return static_cast<int>(syscall(SYS_fsync, file));
}
int fdatasync(int file) {
  if (IsLast()) Die();
  return static_cast<int>(syscall(SYS_fdatasync, file));
}
int rename(const char* from, const char* to) noexcept {
  if (IsLast()) Die();
  return static_cast<int>(syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
}
int unlink(const char* path) noexcept {
  if (IsLast()) Die();
  return static_cast<int>(syscall(SYS_unlinkat, AT_FDCWD, path, 0));
}
int remove(const char* path) noexcept {
  return unlink(path) == 0 || rmdir(path) == 0 ? 0 : -1;  // A file or a folder.
}

}  // extern "C"

namespace armature {
namespace {

std::set<std::string> Files(const std::string& folder) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

// Saves in a child that dies at its n-th call; returns whether it came to its end.
bool SaveAndDie(CheckpointFolder* folder, CountedRing* ring, int calls) {
  const pid_t child = fork();
  if (child == 0) {
    calls_left = calls;
    const auto rows = ring->Snapshot();
    const bool saved = folder->Save(ring->Content(), rows.get()).ok();
    _exit(saved ? 0 : 1);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  if (WIFSIGNALED(status)) {
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    return false;
  }
  EXPECT_EQ(WEXITSTATUS(status), 0);
  return true;
}

// Of `calls` calls: the state before, then from its renaming on the new one, then no segment too
// many.
TEST(CheckpointKill, AtAnyCallTheLastGoodStateIsThereAndTheNextSaveMendsTheRest) {
  int calls = 0;
  int with_the_old = 0;
  int with_the_new = 0;
  for (bool came_to_its_end = false; !came_to_its_end; ++calls) {
    SCOPED_TRACE(calls);
    const std::string path = NewTestPath();
    std::filesystem::create_directories(path);
    CheckpointFolder folder(path, /*keep=*/1);
    CountedRing ring;
    ring.Add(35);
    for (int i = 0; i < 2; ++i) {
      const auto rows = ring.Snapshot();
      ASSERT_TRUE(folder.Save(ring.Content(), rows.get()).ok());
    }
    const TensorFile before = ring.Whole();
    ring.Add(21);
    came_to_its_end = SaveAndDie(&folder, &ring, calls);

    const absl::StatusOr<TensorFile> found = CheckpointFolder(path, 1).LoadNewest();
    ASSERT_TRUE(found.ok()) << found.status();
    const bool is_new = AreEqual(*found, ring.Whole());
    ASSERT_TRUE(is_new || AreEqual(*found, before));
    EXPECT_TRUE(is_new || with_the_new == 0) << "once it is there it stays";
    ++(is_new ? with_the_new : with_the_old);

    RemoveTemporaries(path);  // As RunDirectory::Open does.
    CheckpointFolder resumed(path, /*keep=*/1);
    ring.Add(1);
    const auto rows = ring.Snapshot();
    ASSERT_TRUE(resumed.Save(ring.Content(), rows.get()).ok());
    EXPECT_TRUE(AreEqual(*CheckpointFolder(path, 1).LoadNewest(), ring.Whole()));
    EXPECT_EQ(Files(path).size(), 1u + CountedRing::kCapacity / CountedRing::kRowsPerSegment);
  }
  // Three or four segments and the checkpoint take four calls each, removing takes some more.
  EXPECT_GE(with_the_old, 4 * 4);
  EXPECT_GE(with_the_new, 4);
}

}  // namespace
}  // namespace armature
