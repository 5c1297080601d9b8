// Real servers answer. A socket that nobody serves does not, like a paused process whose kernel
// still accepts connections.
#include "deploy/launcher/process/child_health.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/metrics/metrics.h"
#include "common/rpc/private_folder.h"
#include "common/rpc/rpc_server.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

class SilentServer {
 public:
  SilentServer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd_, any, size) != 0 || listen(fd_, 8) != 0 || getsockname(fd_, any, &size) != 0) {
      ADD_FAILURE() << "no socket";
    }
    address_ = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  }
  ~SilentServer() { close(fd_); }
  const std::string& address() const { return address_; }

 private:
  const int fd_;
  std::string address_;
};

class ChildHealthTest : public testing::Test {
 protected:
  // Whether an answer comes, within a generous time if one is expected.
  bool Answers(const std::string& rpc_address, const std::string& metrics_address,
               absl::Duration within = absl::Seconds(60)) {
    bool answered = false;
    health_.Ask(rpc_address, metrics_address, within, [&] {
      loop_.Post([&] {
        answered = true;
        loop_.Stop();
      });
    });
    loop_.After(within, [this] { loop_.Stop(); });
    loop_.Run();
    return answered;
  }

  EventLoop loop_;
  ChildHealth health_{&loop_, TransportOptions()};
};

TEST_F(ChildHealthTest, AServerAnswersItsHealthServiceBeforeItsMetrics) {
  const auto folder = PrivateFolder::Make();
  ASSERT_TRUE(folder.ok()) << folder.status();
  for (const std::string& listen : {std::string("127.0.0.1:0"), (*folder)->SocketAddress("x")}) {
    const auto server = RpcServer::Start({listen}, {}, {});
    ASSERT_TRUE(server.ok()) << server.status();
    EXPECT_TRUE(Answers((*server)->address(), SilentServer().address()));
  }
}

TEST_F(ChildHealthTest, AnUnhealthyProcessWithMetricsAloneAnswers) {
  const MetricsRegistry registry("actor");
  const auto metrics = MetricsServer::Start("127.0.0.1:0", /*allow_remote=*/false, &registry,
                                            [] { return "waits for the learner"; });
  ASSERT_TRUE(metrics.ok());
  EXPECT_TRUE(Answers("", (*metrics)->address()));
}

TEST_F(ChildHealthTest, OneThatNeitherReadsNorWritesDoesNotAnswer) {
  const SilentServer silent;
  EXPECT_FALSE(Answers(silent.address(), "", absl::Milliseconds(300)));
  EXPECT_FALSE(Answers("", silent.address(), absl::Milliseconds(300)));
}

TEST_F(ChildHealthTest, OneThatIsGoneDoesNotAnswer) {
  const std::string address = SilentServer().address();
  EXPECT_FALSE(Answers(address, "", absl::Milliseconds(300)));
  EXPECT_FALSE(Answers("", address, absl::Milliseconds(300)));
}

TEST_F(ChildHealthTest, WhereThereIsNothingToAskItCountsAsAnAnswer) {
  EXPECT_TRUE(Answers("", ""));
}

TEST(ChildHealth, QuestionsThatAreOpenAreDroppedWithIt) {
  const SilentServer silent;
  EventLoop loop;
  bool answered = false;
  {
    ChildHealth health(&loop, TransportOptions());
    health.Ask(silent.address(), "", absl::Hours(1), [&] { answered = true; });
    health.Ask("", silent.address(), absl::Hours(1), [&] { answered = true; });
  }
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace armature
