#include "common/env_client/server_directory.h"

#include "common/files/atomic_file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Addresses = std::vector<std::string>;

// Waits until the directory has `expected`.
void Await(const ServerDirectory& directory, WakeSignal* signal, const Addresses& expected) {
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while (directory.addresses() != expected && absl::Now() < deadline) signal->WaitUntil(deadline);
  EXPECT_EQ(directory.addresses(), expected);
}

TEST(ServerDirectoryTest, TakesAList) {
  WakeSignal signal;
  const auto directory = ServerDirectory::Open("a:1, b:2,a:1", &signal);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_THAT((*directory)->addresses(), ElementsAre("a:1", "b:2"));
}

TEST(ServerDirectoryTest, TakesSocketsAndIpv6) {
  WakeSignal signal;
  const auto directory = ServerDirectory::Open("unix:/run/a b/sim, [::1]:5557", &signal);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_THAT((*directory)->addresses(), ElementsAre("unix:/run/a b/sim", "[::1]:5557"));
}

TEST(ServerDirectoryTest, RefusesWhatIsNoAddress) {
  WakeSignal signal;
  for (const char* bad : {"", ",", "a", "a:", ":1", "a:0", "a:65536", "a:x", "file:", "dns:a",
                          "dns:unix:/x", "unix:x"}) {
    EXPECT_FALSE(ServerDirectory::Open(bad, &signal).ok()) << bad;
  }
  EXPECT_THAT(ServerDirectory::Open("a:1,b", &signal).status().message(), HasSubstr("'b' is not"));
}

TEST(ServerDirectoryTest, AFileIsReadAgain) {
  const std::string path = ::testing::TempDir() + "/servers";
  ASSERT_TRUE(WriteDurably(path, "# two\na:1\n\nb:2 # the second\n").ok());
  WakeSignal signal;
  const auto directory = ServerDirectory::Open("file:" + path, &signal);
  ASSERT_TRUE(directory.ok()) << directory.status();
  Await(**directory, &signal, {"a:1", "b:2"});
  ASSERT_TRUE(WriteDurably(path, "c:3\n").ok());
  (*directory)->Refresh();
  Await(**directory, &signal, {"c:3"});
}

TEST(ServerDirectoryTest, AFileThatBreaksLeavesTheAddressesAndSaysWhy) {
  const std::string path = ::testing::TempDir() + "/broken";
  ASSERT_TRUE(WriteDurably(path, "a:1\n").ok());
  WakeSignal signal;
  const auto directory = ServerDirectory::Open("file:" + path, &signal);
  Await(**directory, &signal, {"a:1"});
  ASSERT_TRUE(WriteDurably(path, "nonsense\n").ok());
  (*directory)->Refresh();
  const absl::Time deadline = absl::Now() + absl::Seconds(30);
  while ((*directory)->problem().empty() && absl::Now() < deadline) signal.WaitUntil(deadline);
  EXPECT_THAT((*directory)->problem(), HasSubstr("'nonsense' is not an address"));
  EXPECT_THAT((*directory)->addresses(), ElementsAre("a:1"));
}

TEST(ServerDirectoryTest, ANameGivesAllItsAddresses) {
  WakeSignal signal;
  const auto directory = ServerDirectory::Open("dns:127.0.0.1:5557", &signal);
  ASSERT_TRUE(directory.ok()) << directory.status();
  Await(**directory, &signal, {"127.0.0.1:5557"});
}

}  // namespace
}  // namespace armature
