#include "learner/checkpoint/checkpoint_writer.h"

#include <utility>

namespace armature {
namespace {

constexpr absl::Duration kTellEvery = absl::Seconds(1);

}  // namespace

CheckpointWriter::~CheckpointWriter() {
  if (thread_.joinable()) thread_.join();
}

void CheckpointWriter::Begin(TensorFile content, std::shared_ptr<RowSnapshot> rows) {
  {
    absl::MutexLock lock(&mutex_);
    written_bytes_ = 0;
    total_bytes_ = 0;
    outcome_.reset();
  }
  thread_ = std::thread(&CheckpointWriter::Write, this, std::move(content), std::move(rows));
}

void CheckpointWriter::Write(TensorFile content, std::shared_ptr<RowSnapshot> rows) {
  const absl::Time start = SteadyTime();
  Outcome outcome;
  outcome.bytes = folder_->Save(std::move(content), rows.get(),
                                [this](uint64_t written_bytes, uint64_t total_bytes) {
                                  absl::MutexLock lock(&mutex_);
                                  written_bytes_ = written_bytes;
                                  total_bytes_ = total_bytes;
                                  progressed_.NotifyAll();
                                });
  outcome.duration = SteadyTime() - start;
  rows.reset();  // So that the ring copies nothing for it any more.
  absl::MutexLock lock(&mutex_);
  outcome_ = std::move(outcome);
  progressed_.NotifyAll();
}

std::optional<CheckpointWriter::Outcome> CheckpointWriter::TakeOutcome() {
  std::optional<Outcome> outcome;
  {
    absl::MutexLock lock(&mutex_);
    outcome = std::exchange(outcome_, std::nullopt);
  }
  if (outcome.has_value()) thread_.join();
  return outcome;
}

CheckpointWriter::Outcome CheckpointWriter::Wait(const OnWritten& on_written) {
  while (true) {
    uint64_t written_bytes = 0;
    uint64_t total_bytes = 0;
    {
      absl::MutexLock lock(&mutex_);
      if (!outcome_.has_value()) progressed_.WaitFor(&mutex_, kTellEvery);
      written_bytes = written_bytes_;
      total_bytes = total_bytes_;
    }
    if (total_bytes > 0) on_written(written_bytes, total_bytes);
    if (std::optional<Outcome> outcome = TakeOutcome()) return *std::move(outcome);
  }
}

}  // namespace armature
