#include "deploy/film/sources.h"

#include "common/files/testing/test_path.h"
#include "common/rpc/transport.h"
#include "envserver/testing/env_service_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;

class SourcesTest : public testing::Test {
 protected:
  void SetUp() override {
    FilmOptions options;
    options.paths = {NewTestPath(".gif")};
    film_ = SceneFilm::Create(options, /*environments=*/1).value();
    source_.channel = MakeChannel(server_.address(), {}).value();
    source_.address = server_.address();
    source_.signal = &signal_;
    source_.cancelled = [] { return false; };
  }

  TestServer server_{/*threads=*/1, absl::Hours(1)};
  WakeSignal signal_;
  SlotSource source_;
  std::unique_ptr<SceneFilm> film_;
};

TEST_F(SourcesTest, ASlotThatNobodyPlaysIsNamedOnceTheTimeIsOver) {
  const auto stub = v1::EnvService::NewStub(source_.channel);
  RolloutClient client(stub.get());
  client.Open(RolloutClient::OpenMessage("equipped", 1));
  source_.duration = absl::Milliseconds(50);
  const absl::Status status = FilmSlot(source_, film_.get());
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_EQ(status.message(), "env server " + server_.address() +
                                  ": nobody played slot 0 in 50ms, so there is nothing to film");
}

TEST_F(SourcesTest, WithoutASessionTheServersAnswerIsTheError) {
  EXPECT_THAT(std::string(FilmSlot(source_, film_.get()).message()),
              HasSubstr("env server " + server_.address()));
}

}  // namespace
}  // namespace armature
