#include "learner/exit_status.h"

#include "gtest/gtest.h"

namespace armature {
namespace {

TEST(ExitStatusTest, WhatWouldFailAgainIsNotToBeRestarted) {
  EXPECT_EQ(ExitStatus(absl::InvalidArgumentError("the environment has no goals")), 2);
  EXPECT_EQ(ExitStatus(absl::FailedPreconditionError("the checkpoint does not fit")), 2);
  EXPECT_EQ(ExitStatus(absl::DataLossError("train/critic_loss is nan")), 2);
}

TEST(ExitStatusTest, WhatMayPassIs) {
  EXPECT_EQ(ExitStatus(absl::UnavailableError("replica 0 has been gone for 60 s")), 1);
  EXPECT_EQ(ExitStatus(absl::AbortedError("a reproducible run has lost an actor")), 1);
  EXPECT_EQ(ExitStatus(absl::InternalError("out of memory")), 1);
  EXPECT_EQ(ExitStatus(absl::OkStatus()), 0);
}

}  // namespace
}  // namespace armature
