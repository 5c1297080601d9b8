#include "common/cli/open_files.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(OpenFiles, TheSoftLimitIsRaisedToTheHardOne) {
  const rlimit low = {100, 300};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  EXPECT_EQ(RaiseOpenFilesLimit(), 300);
  rlimit now = {};
  getrlimit(RLIMIT_NOFILE, &now);
  EXPECT_EQ(now.rlim_cur, 300U);
  EXPECT_EQ(RaiseOpenFilesLimit(), 300);
}

}  // namespace
}  // namespace armature
