#include "learner/service/policy_publisher.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace armature {
namespace {

class FakeSink : public EventSink {
 public:
  void Send(SharedEvent event) override { slots.Put(std::move(event)); }
  void End(const absl::Status& status) override { ended = status; }
  EventSlots slots;
  absl::Status ended;
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
  publisher.Subscribe({"actor", 1}, slow, 0);
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
  publisher.Subscribe({"actor", 2}, fresh, 0);
  publisher.Subscribe({"actor", 3}, back, 2);
  EXPECT_EQ(fresh->slots.Take()->policy().version(), 2u);
  EXPECT_EQ(back->slots.Take(), nullptr);
}

TEST(PolicyPublisher, AnActorHasOneSubscription) {
  PolicyPublisher publisher(0);
  const auto first = std::make_shared<FakeSink>();
  const auto second = std::make_shared<FakeSink>();
  const uint64_t former = publisher.Subscribe({"actor", 1}, first, 0);
  const uint64_t present = publisher.Subscribe({"actor", 1}, second, 0);
  EXPECT_EQ(first->ended.code(), absl::StatusCode::kAborted);
  publisher.Unsubscribe(former);
  EXPECT_EQ(publisher.subscribers(), 1);
  publisher.Publish(Update(1));
  EXPECT_NE(second->slots.Take(), nullptr);
  publisher.Unsubscribe(present);
  EXPECT_EQ(publisher.subscribers(), 0);
}

TEST(PolicyPublisher, OneMessageIsSharedByAllAndNotSentToTheGone) {
  PolicyPublisher publisher(0);
  const auto a = std::make_shared<FakeSink>();
  const auto b = std::make_shared<FakeSink>();
  auto gone = std::make_shared<FakeSink>();
  publisher.Subscribe({"actor", 4}, a, 0);
  publisher.Unsubscribe(publisher.Subscribe({"actor", 5}, b, 0));
  publisher.Subscribe({"actor", 6}, gone, 0);
  gone.reset();
  const SharedEvent event = publisher.Publish(Update(1));
  EXPECT_EQ(a->slots.Take(), event);
  EXPECT_EQ(b->slots.Take(), nullptr);
}

TEST(PolicyPublisher, TheEndOfTheRunComesAfterThePolicyAlsoForLateOnes) {
  PolicyPublisher publisher(0);
  const auto early = std::make_shared<FakeSink>();
  publisher.Subscribe({"actor", 7}, early, 0);
  publisher.EndRun("solved");
  publisher.Publish(Update(1));
  const auto late = std::make_shared<FakeSink>();
  publisher.Subscribe({"actor", 8}, late, 0);
  for (const auto& sink : {early, late}) {
    EXPECT_TRUE(sink->slots.Take()->has_policy());
    EXPECT_EQ(sink->slots.Take()->run_over().reason(), "solved");
  }
}

}  // namespace
}  // namespace armature
