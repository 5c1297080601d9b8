#include "common/rpc/grpc_log.h"

#include <cstdlib>

#include "grpc/support/log.h"
#include "spdlog/spdlog.h"

namespace armature {
namespace {

void Forward(gpr_log_func_args* said) {
  spdlog::logger* const logger = spdlog::default_logger_raw();  // Null while the process exits.
  if (logger != nullptr) logger->debug("gRPC: {} ({}:{})", said->message, said->file, said->line);
}

}  // namespace

void TakeGrpcLog() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function(Forward);
}

}  // namespace armature
