// Control steps/s of a whole vector env, in process and through the service on loopback: the cost
// of EnvService, gRPC and the wire. A step of "point_mass" takes about 0.1 us, so nearly all
// measured time is overhead. The CPU column is the time of all threads, including the client's.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "benchmark/benchmark.h"
#include "common/metrics/metrics.h"
#include "common/rpc/protocol.h"
#include "common/rpc/rpc_server.h"
#include "common/rpc/transport.h"
#include "common/tensor/packed.h"
#include "envserver/env/env_registry.h"
#include "envserver/service/deadline_timer.h"
#include "envserver/service/env_service.h"
#include "envserver/slots/slot_view.h"
#include "envserver/slots/step_pool.h"
#include "envserver/slots/vector_env.h"
#include "envserver/tasks/builtin_envs.h"
#include "envserver/testing/test_envs.h"
#include "grpcpp/client_context.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

constexpr int kThreads = 2;
constexpr absl::Duration kStepTimeout = absl::Seconds(10);

EnvRegistry AllEnvs() {
  spdlog::set_level(spdlog::level::off);
  EnvRegistry registry;
  absl::Status status = RegisterTestEnvs(registry, std::make_shared<HangGate>());
  status.Update(RegisterBuiltinEnvs(registry));
  if (!status.ok()) std::abort();
  return registry;
}

v1::Tensor ZeroActions(int64_t rows, int64_t size) {
  v1::Tensor action;
  ResizeTensor<float>({rows, size}, &action);
  return action;
}

// With `watched`, somebody looks at every slot, which costs a copy of the view in each step.
void InProcess(benchmark::State& state, const std::string& env_id, const EnvConfig& config = {},
               bool watched = false) {
  const EnvRegistry registry = AllEnvs();
  StepPool pool({kThreads, kStepTimeout});
  VectorEnvOptions options;
  options.env_id = env_id;
  options.env_config = config;
  options.num_envs = state.range(0);
  auto first = registry.Make(env_id, config);
  auto env = std::make_shared<VectorEnv>(&registry, &pool, options, *std::move(first));
  for (int64_t slot = 0; watched && slot < state.range(0); ++slot) {
    const auto box = std::make_shared<FrameBox>([](bool) {});
    if (!env->Watch(slot, box).ok()) std::abort();
  }
  const v1::Tensor action = ZeroActions(state.range(0), env->spec().action.size());
  {
    absl::Notification ready;
    env->ResetGroup(0, /*seeds=*/{}, [&](const StepOutcome&) { ready.Notify(); });
    ready.WaitForNotification();
  }
  for (auto _ : state) {
    absl::Notification ready;
    absl::Status status = env->StepGroup(0, action, [&](const StepOutcome&) { ready.Notify(); });
    if (!status.ok()) state.SkipWithError("refused");
    ready.WaitForNotification();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  env->Close();
}

void ThroughService(benchmark::State& state, const std::string& env_id) {
  const int64_t num_envs = state.range(0);
  const int64_t num_groups = state.range(1);
  const EnvRegistry registry = AllEnvs();
  StepPool pool({kThreads, kStepTimeout});
  DeadlineTimer timer;
  MetricsRegistry metrics("envserver");
  EnvService service({}, &registry, &pool, &timer, &metrics);
  const auto server = RpcServer::Start({"127.0.0.1:0"}, {}, {&service});
  if (!server.ok()) std::abort();
  const auto channel = MakeChannel((*server)->address(), {});
  const auto stub = v1::EnvService::NewStub(*channel);
  grpc::ClientContext context;
  const auto stream = stub->Rollout(&context);
  v1::RolloutRequest request;
  *request.mutable_open()->mutable_handshake() = MakeHandshake("benchmark", 1, "");
  request.mutable_open()->set_env_id(env_id);
  request.mutable_open()->set_num_envs(num_envs);
  request.mutable_open()->set_num_groups(num_groups);
  v1::RolloutResponse response;
  if (!stream->Write(request) || !stream->Read(&response)) std::abort();
  const int64_t action_size = response.opened().spec().action().box().size();
  *request.mutable_actions()->mutable_action() = ZeroActions(num_envs / num_groups, action_size);
  // Every batch is answered at once, so with two groups one is always running.
  for (int64_t i = 0; i + 1 < num_groups; ++i) {
    if (!stream->Read(&response)) std::abort();
    request.mutable_actions()->set_group(response.step().group());
    request.mutable_actions()->set_step(response.step().step());
    stream->Write(request);
  }
  for (auto _ : state) {
    if (!stream->Read(&response)) {
      state.SkipWithError("the stream ended");
      break;
    }
    request.mutable_actions()->set_group(response.step().group());
    request.mutable_actions()->set_step(response.step().step());
    stream->Write(request);
  }
  state.SetItemsProcessed(state.iterations() * num_envs / num_groups);
  context.TryCancel();
  stream->Finish();
  service.EndSessions();
  (*server)->Shutdown(absl::InfiniteFuture());
}

BENCHMARK_CAPTURE(InProcess, point_mass, "point_mass")
    ->Arg(1)
    ->Arg(16)
    ->Arg(64)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
// What it costs that viewers could watch (nothing), and that one does.
BENCHMARK_CAPTURE(InProcess, no_scene, "equipped", EnvConfig{{"has_scene", "false"}})
    ->Arg(64)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(InProcess, unwatched, "equipped")
    ->Arg(64)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(InProcess, watched, "equipped", EnvConfig(), /*watched=*/true)
    ->Arg(64)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(ThroughService, point_mass, "point_mass")
    ->Args({1, 1})
    ->Args({16, 1})
    ->Args({16, 2})
    ->Args({64, 1})
    ->Args({64, 2})
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(InProcess, panda_reach, "panda_reach")
    ->Arg(16)
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(ThroughService, panda_reach, "panda_reach")
    ->Args({16, 1})
    ->Args({16, 2})
    ->MeasureProcessCPUTime()
    ->UseRealTime();
BENCHMARK_CAPTURE(InProcess, anymal, "anymal")->Arg(100)->MeasureProcessCPUTime()->UseRealTime();
BENCHMARK_CAPTURE(ThroughService, anymal, "anymal")
    ->Args({100, 1})
    ->MeasureProcessCPUTime()
    ->UseRealTime();

}  // namespace
}  // namespace armature

BENCHMARK_MAIN();
