#include "common/metrics/metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <optional>
#include <set>
#include <utility>

#include "CivetServer.h"
#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/rpc/address.h"
#include "prometheus/counter.h"
#include "prometheus/gauge.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace armature {
namespace {

constexpr char kVersion[] = "0.1.0";

[[noreturn]] void Bug(absl::string_view name, const char* what) {
  std::fprintf(stderr, "metric %s: %s\n", std::string(name).c_str(), what);
  std::abort();
}

// CPU time of all threads, in user and kernel mode.
double ProcessCpuSeconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) { return time.tv_sec + 1e-6 * time.tv_usec; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double ProcessResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  double pages = 0, resident_pages = 0;
  statm >> pages >> resident_pages;
  return resident_pages * static_cast<double>(sysconf(_SC_PAGESIZE));
}

std::set<std::string> LabelNames(const MetricLabels& labels) {
  std::set<std::string> names;
  for (const auto& label : labels) names.insert(label.first);
  return names;
}

}  // namespace

void Counter::Increment(double amount) { counter_->Increment(amount); }
double Counter::value() const { return counter_->Value(); }
void Gauge::Set(double value) { gauge_->Set(value); }
void Gauge::Add(double amount) { gauge_->Increment(amount); }
double Gauge::value() const { return gauge_->Value(); }
void Histogram::Observe(double value) { histogram_->Observe(value); }

std::vector<double> DurationBuckets() {
  return {50e-6,  100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3,
          100e-3, 200e-3, 500e-3, 1,      2,    5,    10,   20,    60};
}

struct MetricsRegistry::State {
  struct Known {
    char type;  // 'c', 'g' or 'h'.
    std::set<std::string> label_names;
    void* family;
  };

  // Returns the metric family `name`; creates it with `build` if it is new.
  template <typename Family, typename Build>
  Family& FamilyOf(absl::string_view name, char type, const MetricLabels& labels, Build build)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
    if (!absl::StartsWith(name, "armature_")) Bug(name, "must begin with armature_");
    if (absl::EndsWith(name, "_total") != (type == 'c')) {
      Bug(name, "counters, and nothing else, end in _total");
    }
    for (const char* unit : {"_ms", "_us", "_ns", "_mb", "_mib", "_percent"}) {
      if (absl::EndsWith(name, unit) || absl::StrContains(name, absl::StrCat(unit, "_"))) {
        Bug(name, "must be in base units: seconds, bytes, ratio");
      }
    }
    const auto found = known.find(std::string(name));
    if (found == known.end()) {
      Family& family = build();
      known[std::string(name)] = {type, LabelNames(labels), &family};
      return family;
    }
    if (found->second.type != type) Bug(name, "registered with another type");
    if (found->second.label_names != LabelNames(labels)) Bug(name, "registered with other labels");
    return *static_cast<Family*>(found->second.family);
  }

  // Values from the kernel are read when they are requested.
  void UpdateProcess() {
    absl::MutexLock lock(&mutex);
    cpu_seconds->Increment(std::max(0.0, ProcessCpuSeconds() - cpu_seconds->value()));
    resident_bytes->Set(ProcessResidentBytes());
  }

  prometheus::Registry registry;       // Thread-safe itself.
  std::optional<Counter> cpu_seconds;  // Set once, by the constructor.
  std::optional<Gauge> resident_bytes;
  absl::Mutex mutex;
  std::map<std::string, Known> known ABSL_GUARDED_BY(mutex);
};

MetricsRegistry::MetricsRegistry(absl::string_view role) : state_(std::make_unique<State>()) {
  AddGauge("armature_build_info", "Always 1; the labels tell what runs.",
           {{"role", std::string(role)}, {"version", kVersion}, {"compiler", __VERSION__}})
      .Set(1);
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  AddGauge("armature_process_start_time_seconds", "When the process started, since the epoch.")
      .Set(now.count());
  state_->cpu_seconds =
      AddCounter("armature_process_cpu_seconds_total", "Time of processors that the process took.");
  state_->resident_bytes =
      AddGauge("armature_process_resident_memory_bytes", "Memory that the process holds.");
}

MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::AddCounter(absl::string_view name, absl::string_view help,
                                    const MetricLabels& labels) {
  absl::MutexLock lock(&state_->mutex);
  auto& family = state_->FamilyOf<prometheus::Family<prometheus::Counter>>(
      name, 'c', labels, [&]() -> prometheus::Family<prometheus::Counter>& {
        return prometheus::BuildCounter()
            .Name(std::string(name))
            .Help(std::string(help))
            .Register(state_->registry);
      });
  return Counter(&family.Add(labels));
}

Gauge MetricsRegistry::AddGauge(absl::string_view name, absl::string_view help,
                                const MetricLabels& labels) {
  absl::MutexLock lock(&state_->mutex);
  auto& family = state_->FamilyOf<prometheus::Family<prometheus::Gauge>>(
      name, 'g', labels, [&]() -> prometheus::Family<prometheus::Gauge>& {
        return prometheus::BuildGauge()
            .Name(std::string(name))
            .Help(std::string(help))
            .Register(state_->registry);
      });
  return Gauge(&family.Add(labels));
}

Histogram MetricsRegistry::AddHistogram(absl::string_view name, absl::string_view help,
                                        const std::vector<double>& buckets,
                                        const MetricLabels& labels) {
  absl::MutexLock lock(&state_->mutex);
  auto& family = state_->FamilyOf<prometheus::Family<prometheus::Histogram>>(
      name, 'h', labels, [&]() -> prometheus::Family<prometheus::Histogram>& {
        return prometheus::BuildHistogram()
            .Name(std::string(name))
            .Help(std::string(help))
            .Register(state_->registry);
      });
  return Histogram(&family.Add(labels, buckets));
}

std::string MetricsRegistry::Text() const {
  state_->UpdateProcess();
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

namespace {

// Answers GET requests for one path with the result of `body`.
class PageHandler : public CivetHandler {
 public:
  struct Page {
    int status;
    std::string text;
  };
  explicit PageHandler(std::function<Page()> page) : page_(std::move(page)) {}

  bool handleGet(CivetServer*, mg_connection* connection) override {
    const Page page = page_();
    mg_printf(connection,
              "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
              "Content-Length: %zu\r\nConnection: close\r\n\r\n",
              page.status, page.status == 200 ? "OK" : "Service Unavailable", page.text.size());
    mg_write(connection, page.text.data(), page.text.size());
    return true;
  }

 private:
  const std::function<Page()> page_;
};

}  // namespace

struct MetricsServer::State {
  std::string address;
  std::unique_ptr<PageHandler> metrics;
  std::unique_ptr<PageHandler> health;
  std::unique_ptr<CivetServer> server;  // Declared last: stops before the handlers are destroyed.
};

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(
    const std::string& address, bool allow_remote, const MetricsRegistry* registry,
    std::function<std::string()> health) {
  const absl::StatusOr<Address> parsed = ParseListenAddress(address);
  if (!parsed.ok()) return parsed.status();
  if (parsed->is_unix()) {
    return absl::InvalidArgumentError(absl::StrCat("metrics address ", address,
                                                   " is a unix socket, which nobody scrapes;"
                                                   " listen on 127.0.0.1:0"));
  }
  if (!allow_remote && !parsed->is_loopback()) {
    return absl::FailedPreconditionError(
        absl::StrCat("metrics address ", address,
                     " is not loopback: listen on 127.0.0.1, or allow remote scrapes explicitly"));
  }
  auto state = std::make_unique<State>();
  state->metrics = std::make_unique<PageHandler>([registry] {
    return PageHandler::Page{200, registry->Text()};
  });
  state->health = std::make_unique<PageHandler>([health = std::move(health)] {
    const std::string sentence = health();
    return sentence.empty() ? PageHandler::Page{200, "ok\n"}
                            : PageHandler::Page{503, sentence + "\n"};
  });
  try {
    state->server = std::make_unique<CivetServer>(std::vector<std::string>{
        "listening_ports", address, "num_threads", "2", "request_timeout_ms", "5000"});
  } catch (const CivetException&) {
    return absl::UnavailableError(absl::StrCat("metrics address ", address,
                                               ": cannot listen there (in use, or not an address"
                                               " of this machine)"));
  }
  state->server->addHandler("/metrics$", *state->metrics);
  state->server->addHandler("/healthz$", *state->health);
  state->address = BoundAddress(address, state->server->getListeningPorts().at(0));
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(state)));
}

MetricsServer::MetricsServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
MetricsServer::~MetricsServer() = default;

const std::string& MetricsServer::address() const { return state_->address; }

}  // namespace armature
