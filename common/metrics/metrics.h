// Prometheus metrics of one process, and the HTTP endpoint that serves them.
//
// Names: prefix "armature_", base unit last, counters end in "_total". A bad name aborts, as does a
// name registered twice with different labels or type: that is our own bug.
// Thread safety: all methods. Counter, Gauge and Histogram are handles; they may be copied and used
// from any thread while the MetricsRegistry lives.
#ifndef ARMATURE_COMMON_METRICS_METRICS_H_
#define ARMATURE_COMMON_METRICS_METRICS_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace armature {

class Counter {
 public:
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
  void Increment(double amount = 1);
  double value() const;

 private:
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void Set(double value);
  void Add(double amount);
  double value() const;

 private:
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void Observe(double value);

 private:
  prometheus::Histogram* histogram_;
};

using MetricLabels = std::map<std::string, std::string>;

// Bucket limits in seconds, from 50 us to 60 s, about three per decade.
std::vector<double> DurationBuckets();

class MetricsRegistry {
 public:
  // Registers armature_build_info{role, version, ...} and this process's
  // armature_process_start_time_seconds, _cpu_seconds_total and _resident_memory_bytes.
  explicit MetricsRegistry(absl::string_view role);
  ~MetricsRegistry();

  Counter AddCounter(absl::string_view name, absl::string_view help,
                     const MetricLabels& labels = {});
  Gauge AddGauge(absl::string_view name, absl::string_view help, const MetricLabels& labels = {});
  Histogram AddHistogram(absl::string_view name, absl::string_view help,
                         const std::vector<double>& buckets, const MetricLabels& labels = {});

  // Returns all metrics in Prometheus' text format.
  std::string Text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Serves GET /metrics and GET /healthz (200 "ok", or 503 with the sentence that `health` returns).
class MetricsServer {
 public:
  // `address` is "host:port"; port 0 picks any free port. Addresses other than loopback need
  // `allow_remote` (metrics carry no secrets, but say so in the flag's help). `health` returns an
  // empty string when healthy; it is called on HTTP threads.
  // Returns Unavailable if binding fails; FailedPrecondition if the address is not loopback and
  // `allow_remote` is false; InvalidArgument if `address` cannot be parsed.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              bool allow_remote,
                                                              const MetricsRegistry* registry,
                                                              std::function<std::string()> health);
  ~MetricsServer();

  // For example "127.0.0.1:9101".
  const std::string& address() const;

 private:
  struct State;
  explicit MetricsServer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_METRICS_METRICS_H_
