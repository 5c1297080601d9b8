#include "common/cli/available_cpus.h"

#include <sched.h>

#include <filesystem>

#include "common/files/atomic_file.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

// A root folder with some files of proc and sys.
class AvailableCpusTest : public ::testing::Test {
 protected:
  AvailableCpusTest() : root_(::testing::TempDir() + "/root") {
    std::filesystem::remove_all(root_);
    CPU_ZERO(&allowed_);
    EXPECT_EQ(sched_getaffinity(0, sizeof(allowed_), &allowed_), 0);
  }
  ~AvailableCpusTest() override { sched_setaffinity(0, sizeof(allowed_), &allowed_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + "/" + path;
    std::filesystem::create_directories(file.parent_path());
    ASSERT_TRUE(WriteDurably(file.string(), text).ok());
  }
  int64_t affinity() const { return CPU_COUNT(&allowed_); }

  const std::string root_;
  cpu_set_t allowed_;
};

TEST_F(AvailableCpusTest, WithoutAQuotaAllThatTheProcessMayRunOn) {
  EXPECT_EQ(AvailableCpus(root_), affinity());
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(AvailableCpus(root_), affinity());
}

TEST_F(AvailableCpusTest, AQuotaOfVersion2IsRoundedUp) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/cpu.max", "50000 100000\n");
  EXPECT_EQ(AvailableCpus(root_), 1);
  Write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(AvailableCpus(root_), std::min<int64_t>(2, affinity()));
  Write("sys/fs/cgroup/cpu.max", "100000000 100000\n");
  EXPECT_EQ(AvailableCpus(root_), affinity());
}

TEST_F(AvailableCpusTest, TheLeastQuotaOfTheGroupAndThoseAboveItCounts) {
  Write("proc/self/cgroup", "0::/kubepods/pod/container\n");
  Write("sys/fs/cgroup/kubepods/pod/container/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/kubepods/pod/cpu.max", "100000 100000\n");
  Write("sys/fs/cgroup/kubepods/cpu.max", "6400000 100000\n");
  EXPECT_EQ(AvailableCpus(root_), 1);
}

TEST_F(AvailableCpusTest, AQuotaOfVersion1Counts) {
  Write("proc/self/cgroup", "5:memory:/docker/one\n4:cpu,cpuacct:/docker/one\n0::/docker/one\n");
  const std::string folder = "sys/fs/cgroup/cpu,cpuacct";
  // Inside a container, its own group is at the top.
  Write(folder + "/cpu.cfs_quota_us", "100000\n");
  Write(folder + "/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(AvailableCpus(root_), 1);
  Write(folder + "/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(AvailableCpus(root_), affinity());
  Write(folder + "/docker/one/cpu.cfs_quota_us", "20000\n");
  Write(folder + "/docker/one/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(AvailableCpus(root_), 1);
}

TEST_F(AvailableCpusTest, NonsenseIsNoQuota) {
  Write("proc/self/cgroup", "::::\nnonsense\n0::/no/such/group\n3:cpu:\n4:cpu:up\n");
  Write("sys/fs/cgroup/cpu.max", "much\n");
  EXPECT_EQ(AvailableCpus(root_), affinity());
}

TEST_F(AvailableCpusTest, TheAffinityCounts) {
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++cpu) {
    if (CPU_ISSET(cpu, &allowed_)) CPU_SET(cpu, &one);
  }
  ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
  EXPECT_EQ(AvailableCpus(root_), 1);
}

}  // namespace
}  // namespace armature
