#include "common/metrics/metrics.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>

#include "absl/strings/numbers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace armature {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Returns the whole answer to an HTTP request, with headers.
std::string Http(const std::string& address, const std::string& method, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  inet_pton(AF_INET, "127.0.0.1", &peer.sin_addr);
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
  peer.sin_port = htons(port);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
  const std::string request = method + " " + path + " HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string answer;
  char part[4096];
  for (ssize_t n = read(fd, part, sizeof(part)); n > 0; n = read(fd, part, sizeof(part))) {
    answer.append(part, n);
  }
  close(fd);
  return answer;
}

std::unique_ptr<MetricsServer> Serve(const MetricsRegistry* registry, std::string health) {
  auto server = MetricsServer::Start("127.0.0.1:0", false, registry, [health] { return health; });
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

TEST(Metrics, HandlesOfTheSameSeriesShareOneValue) {
  MetricsRegistry registry("test");
  Counter first = registry.AddCounter("armature_test_steps_total", "Steps.", {{"env", "a"}});
  Counter again = registry.AddCounter("armature_test_steps_total", "Steps.", {{"env", "a"}});
  Counter other = registry.AddCounter("armature_test_steps_total", "Steps.", {{"env", "b"}});
  first.Increment();
  again.Increment(2);
  EXPECT_EQ(first.value(), 3);
  EXPECT_EQ(other.value(), 0);
  Gauge gauge = registry.AddGauge("armature_test_depth", "Depth.");
  gauge.Set(4);
  gauge.Add(-1.5);
  EXPECT_EQ(gauge.value(), 2.5);
}

TEST(Metrics, TimeOfProcessorsAndMemoryAreThoseOfTheProcess) {
  MetricsRegistry registry("test");
  const auto read = [&registry](const std::string& name) {
    const std::string text = registry.Text();
    const size_t at = text.find("\n" + name + " ");
    double value = 0;
    EXPECT_NE(at, std::string::npos) << name;
    const size_t begin = at + name.size() + 2;
    EXPECT_TRUE(absl::SimpleAtod(text.substr(begin, text.find('\n', begin) - begin), &value));
    return value;
  };
  const double memory = read("armature_process_resident_memory_bytes");
  EXPECT_GT(memory, 1 << 20);
  EXPECT_LT(memory, 1e12);
  const std::clock_t begun = std::clock();
  const double before = read("armature_process_cpu_seconds_total");
  while (std::clock() - begun < CLOCKS_PER_SEC / 10) {
  }
  const double after = read("armature_process_cpu_seconds_total");
  EXPECT_GE(after - before, 0.05);
  EXPECT_LE(after, 1.5 * std::clock() / CLOCKS_PER_SEC + 0.1);
}

TEST(Metrics, TextHasEverySeriesWithHelpAndType) {
  MetricsRegistry registry("test");
  registry.AddCounter("armature_test_steps_total", "Steps taken.", {{"env", "a"}}).Increment(5);
  registry.AddHistogram("armature_test_wait_seconds", "Waits.", DurationBuckets()).Observe(0.003);
  const std::string text = registry.Text();
  EXPECT_THAT(text, HasSubstr("# HELP armature_test_steps_total Steps taken.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE armature_test_steps_total counter\n"));
  EXPECT_THAT(text, HasSubstr("armature_test_steps_total{env=\"a\"} 5"));
  EXPECT_THAT(text, HasSubstr("armature_test_wait_seconds_bucket{le=\"0.002\"} 0"));
  EXPECT_THAT(text, HasSubstr("armature_test_wait_seconds_bucket{le=\"0.005\"} 1"));
  EXPECT_THAT(text, HasSubstr("armature_build_info{"));
  EXPECT_THAT(text, HasSubstr("role=\"test\""));
  EXPECT_THAT(text, HasSubstr("armature_process_start_time_seconds "));
}

TEST(MetricsDeathTest, ABadNameAborts) {
  MetricsRegistry registry("test");
  EXPECT_DEATH(registry.AddCounter("steps_total", ""), "must begin with armature_");
  EXPECT_DEATH(registry.AddCounter("armature_steps", ""), "end in _total");
  EXPECT_DEATH(registry.AddGauge("armature_steps_total", ""), "end in _total");
  EXPECT_DEATH(registry.AddGauge("armature_wait_ms", ""), "base units");
  registry.AddGauge("armature_depth", "", {{"a", "1"}});
  EXPECT_DEATH(registry.AddGauge("armature_depth", "", {{"b", "1"}}), "other labels");
  EXPECT_DEATH(registry.AddHistogram("armature_depth", "", {1}, {{"a", "1"}}), "another type");
}

TEST(MetricsServer, ServesMetricsAndNothingElse) {
  MetricsRegistry registry("test");
  registry.AddCounter("armature_test_steps_total", "Steps.").Increment(7);
  const std::unique_ptr<MetricsServer> server = Serve(&registry, "");
  EXPECT_THAT(server->address(), StartsWith("127.0.0.1:"));
  EXPECT_THAT(server->address(), Not(HasSubstr(":0")));
  const std::string answer = Http(server->address(), "GET", "/metrics");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("armature_test_steps_total 7"));
  for (const char* path : {"/", "/etc/passwd", "/metrics/../etc/passwd", "/metricsx"}) {
    EXPECT_THAT(Http(server->address(), "GET", path), StartsWith("HTTP/1.1 404")) << path;
  }
  EXPECT_THAT(Http(server->address(), "PUT", "/metrics"), Not(HasSubstr("200 OK")));
}

TEST(MetricsServer, HealthIs200OrTheSentenceWith503) {
  MetricsRegistry registry("test");
  EXPECT_THAT(Http(Serve(&registry, "")->address(), "GET", "/healthz"),
              StartsWith("HTTP/1.1 200 OK\r\n"));
  const std::string sick = Http(Serve(&registry, "waits for X")->address(), "GET", "/healthz");
  EXPECT_THAT(sick, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(sick, HasSubstr("waits for X"));
}

TEST(MetricsServer, RefusesOtherThanLoopbackUnlessAllowed) {
  MetricsRegistry registry("test");
  const auto health = [] { return std::string(); };
  const auto refused = MetricsServer::Start("0.0.0.0:0", false, &registry, health);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(MetricsServer::Start("0.0.0.0:0", true, &registry, health).ok());
}

TEST(MetricsServer, AddressInUseIsUnavailable) {
  MetricsRegistry registry("test");
  const std::unique_ptr<MetricsServer> server = Serve(&registry, "");
  const auto second =
      MetricsServer::Start(server->address(), false, &registry, [] { return std::string(); });
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server->address()));
}

}  // namespace
}  // namespace armature
