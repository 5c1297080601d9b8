#include "learner/run/csv_log.h"

#include <cmath>
#include <filesystem>
#include <string>

#include "common/files/atomic_file.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

std::string NewPath(const std::string& name) {
  const std::string path = testing::TempDir() + "/" + name;
  std::filesystem::remove(path);
  return path;
}

TEST(CsvLog, ANewColumnIsEmptyInTheRowsBefore) {
  const std::string path = NewPath("grows.csv");
  CsvLog log = CsvLog::Open(path).value();
  ASSERT_TRUE(log.Append({{"env_steps", 1000000}, {"fps", 12.5}}).ok());
  ASSERT_TRUE(log.Append({{"env_steps", 2000000}, {"loss", 0.25}, {"fps", NAN}}).ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "env_steps,fps,loss\n1000000,12.5,\n2000000,,0.25\n");
}

TEST(CsvLog, AResumedRunGoesOnWithTheFile) {
  const std::string path = NewPath("resumed.csv");
  ASSERT_TRUE(CsvLog::Open(path)->Append({{"a", 1}, {"b", 2}}).ok());
  ASSERT_TRUE(CsvLog::Open(path)->Append({{"b", 4}, {"a", 3}}).ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "a,b\n1,2\n3,4\n");
}

TEST(CsvLog, ARowThatAKillCutShortIsRemoved) {
  const std::string path = NewPath("cut.csv");
  ASSERT_TRUE(WriteDurably(path, "a,b\n1,2\n3").ok());
  ASSERT_TRUE(CsvLog::Open(path)->Append({{"a", 5}, {"b", 6}}).ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "a,b\n1,2\n5,6\n");
  ASSERT_TRUE(WriteDurably(path, "a,").ok());
  ASSERT_TRUE(CsvLog::Open(path)->Append({{"a", 5}}).ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "a\n5\n");
}

TEST(CsvLog, RowsAfterTheCheckpointAreDroppedAndTheOthersStay) {
  const std::string path = NewPath("dropped.csv");
  ASSERT_TRUE(WriteDurably(path, "env_steps,x\n900,1\n1000,2\n1001,3\n").ok());
  CsvLog log = CsvLog::Open(path).value();
  ASSERT_TRUE(log.DropAfter("env_steps", 1000).ok());
  EXPECT_EQ(ReadWholeFile(path).value(), "env_steps,x\n900,1\n1000,2\n");
  EXPECT_TRUE(CsvLog::Open(NewPath("empty.csv"))->DropAfter("env_steps", 0).ok());
}

TEST(CsvLog, AFolderThatIsGoneIsAnError) {
  CsvLog log = CsvLog::Open(testing::TempDir() + "/no/such/file.csv").value();
  EXPECT_FALSE(log.Append({{"a", 1}}).ok());
}

}  // namespace
}  // namespace armature
