#include "deploy/launcher/process/event_loop.h"

#include <unistd.h>

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(EventLoop, TimersRunInOrderOfTheirDeadlines) {
  EventLoop loop;
  std::string order;
  loop.After(absl::Milliseconds(20), [&] {
    order += "c";
    loop.Stop();
  });
  loop.After(absl::Milliseconds(10), [&] { order += "b"; });
  loop.After(absl::ZeroDuration(), [&] { order += "a"; });
  loop.Run();
  EXPECT_EQ(order, "abc");
}

TEST(EventLoop, DescriptorIsWatchedUntilUnwatched) {
  EventLoop loop;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  std::string read_text;
  loop.Watch(ends[0], [&] {
    char c = 0;
    if (read(ends[0], &c, 1) == 1) {
      read_text += c;
      return;
    }
    loop.Unwatch(ends[0]);
    loop.Stop();
  });
  ASSERT_EQ(write(ends[1], "xy", 2), 2);
  close(ends[1]);
  loop.Run();
  EXPECT_EQ(read_text, "xy");
  close(ends[0]);
}

TEST(EventLoop, AnUnwatchedDescriptorIsNotCalledInTheSamePoll) {
  EventLoop loop;
  int first[2];
  int second[2];
  ASSERT_EQ(pipe(first), 0);
  ASSERT_EQ(pipe(second), 0);
  int calls = 0;
  for (int fd : {first[0], second[0]}) {
    loop.Watch(fd, [&] {
      ++calls;
      loop.Unwatch(first[0]);
      loop.Unwatch(second[0]);
      loop.Post([&loop] { loop.Stop(); });
    });
  }
  ASSERT_EQ(write(first[1], "x", 1), 1);
  ASSERT_EQ(write(second[1], "x", 1), 1);
  loop.Run();
  EXPECT_EQ(calls, 1);
  for (int fd : {first[0], first[1], second[0], second[1]}) close(fd);
}

TEST(EventLoop, AStopBeforeRunCountsOnce) {
  EventLoop loop;
  loop.Stop();
  loop.Run();
  bool ran = false;
  loop.Post([&] {
    ran = true;
    loop.Stop();
  });
  loop.Run();
  EXPECT_TRUE(ran);
}

TEST(EventLoop, PostWakesItFromAnotherThread) {
  EventLoop loop;
  std::thread poster([&loop] { loop.Post([&loop] { loop.Stop(); }); });
  loop.Run();
  poster.join();
}

}  // namespace
}  // namespace armature
