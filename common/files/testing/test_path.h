// A path of the running test's own.
#ifndef ARMATURE_COMMON_FILES_TESTING_TEST_PATH_H_
#define ARMATURE_COMMON_FILES_TESTING_TEST_PATH_H_

#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace armature {

// Named after the test; what an earlier run left there is removed. Another `suffix` is another
// path.
inline std::string NewTestPath(const std::string& suffix = "") {
  std::string path =
      absl::StrCat(testing::TempDir(), "/",
                   testing::UnitTest::GetInstance()->current_test_info()->name(), suffix);
  std::filesystem::remove_all(path);
  return path;
}

}  // namespace armature

#endif  // ARMATURE_COMMON_FILES_TESTING_TEST_PATH_H_
