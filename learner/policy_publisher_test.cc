#include "learner/policy_publisher.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

class FakeSink : public EventSink {
 public:
  void Send(SharedEvent event) override { slots.Put(std::move(event)); }
  EventSlots slots;
};

v1::PolicyUpdate Update(uint64_t learner_steps) {
  v1::PolicyUpdate update;
  update.set_learner_steps(learner_steps);
  return update;
}

TEST(PolicyPublisher, VersionsAscendFromTheLastOne) {
  PolicyPublisher publisher(/*last_version=*/7);
  EXPECT_EQ(publisher.newest_version(), 0u);
  EXPECT_EQ(publisher.Publish(Update(1))->policy().version(), 8u);
  EXPECT_EQ(publisher.Publish(Update(2))->policy().version(), 9u);
  EXPECT_EQ(publisher.newest_version(), 9u);
}

TEST(PolicyPublisher, ASlowReaderSkipsVersions) {
  PolicyPublisher publisher(0);
  const auto slow = std::make_shared<FakeSink>();
  publisher.Subscribe(slow, 0);
  for (int i = 1; i <= 5; ++i) publisher.Publish(Update(i));
  EXPECT_EQ(slow->slots.Take()->policy().version(), 5u);
  EXPECT_EQ(slow->slots.Take(), nullptr);
}

TEST(PolicyPublisher, ALateSubscriberGetsTheNewestUnlessItHasIt) {
  PolicyPublisher publisher(0);
  publisher.Publish(Update(1));
  publisher.Publish(Update(2));
  const auto fresh = std::make_shared<FakeSink>();
  const auto back = std::make_shared<FakeSink>();
  publisher.Subscribe(fresh, 0);
  publisher.Subscribe(back, 2);
  EXPECT_EQ(fresh->slots.Take()->policy().version(), 2u);
  EXPECT_EQ(back->slots.Take(), nullptr);
}

TEST(PolicyPublisher, OneMessageIsSharedByAllAndNotSentToTheGone) {
  PolicyPublisher publisher(0);
  const auto a = std::make_shared<FakeSink>();
  const auto b = std::make_shared<FakeSink>();
  auto gone = std::make_shared<FakeSink>();
  publisher.Subscribe(a, 0);
  publisher.Unsubscribe(publisher.Subscribe(b, 0));
  publisher.Subscribe(gone, 0);
  gone.reset();
  const SharedEvent event = publisher.Publish(Update(1));
  EXPECT_EQ(a->slots.Take(), event);
  EXPECT_EQ(b->slots.Take(), nullptr);
}

TEST(PolicyPublisher, TheEndOfTheRunComesAfterThePolicyAlsoForLateOnes) {
  PolicyPublisher publisher(0);
  const auto early = std::make_shared<FakeSink>();
  publisher.Subscribe(early, 0);
  publisher.EndRun("solved");
  publisher.Publish(Update(1));
  const auto late = std::make_shared<FakeSink>();
  publisher.Subscribe(late, 0);
  for (const auto& sink : {early, late}) {
    EXPECT_TRUE(sink->slots.Take()->has_policy());
    EXPECT_EQ(sink->slots.Take()->run_over().reason(), "solved");
  }
}

}  // namespace
}  // namespace armature
