#include "learner/replay/episode_links.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "absl/strings/str_cat.h"

namespace armature {
namespace {

constexpr int32_t kNoRow = -1;
// A std::map node: colour and three links, besides the entry.
constexpr int64_t kMapNodeBytes = 32;

int32_t OwnedBy(int32_t stream) { return -2 - stream; }
int32_t Owner(int32_t final_row) { return -2 - final_row; }

int TrailingZeros(int32_t positive) { return __builtin_ctz(static_cast<uint32_t>(positive)); }

absl::Status Unfit(int64_t row, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("replay.next: row ", row, " ", what));
}

}  // namespace

uint64_t ObservationDigest(absl::Span<const float> observation) {
  // FNV-1a, one word at a time; the shift lets high bits affect low ones.
  uint64_t digest = 0xcbf29ce484222325;
  for (const float value : observation) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    digest = (digest ^ bits) * 0x100000001b3;
    digest ^= digest >> 32;
  }
  return digest;
}

EpisodeLinks::EpisodeLinks(const Options& options)
    : options_(options),
      next_(options.capacity, kNoRow),
      reward_(options.capacity),
      terminated_(options.capacity) {
  if (options.index_episodes) {
    final_.resize(options.capacity, kNoRow);
    position_.resize(options.capacity);
    skip_.resize(options.capacity);
  }
}

int64_t EpisodeLinks::rows() const { return std::min(rows_begun_, options_.capacity); }

int64_t EpisodeLinks::Serial(int64_t row) const {
  const int64_t newest_row = Row(rows_begun_ - 1);
  const int64_t behind = newest_row - row;
  return rows_begun_ - 1 - (behind < 0 ? behind + options_.capacity : behind);
}

int64_t EpisodeLinks::BytesPerRow(bool index_episodes) {
  return sizeof(int32_t) + sizeof(float) + sizeof(uint8_t) +
         (index_episodes ? 3 * sizeof(int32_t) : 0);
}

int64_t EpisodeLinks::BytesPerStream() {
  return sizeof(Stream) + kMapNodeBytes +
         sizeof(std::pair<const std::pair<uint64_t, int32_t>, int32_t>);
}

int64_t EpisodeLinks::Begin() {
  const int64_t row = Row(rows_begun_);
  before_change_(row);
  if (next_[row] >= 0) {
    --steps_;
    if (options_.index_episodes && final_[row] < kNoRow) {
      streams_[Owner(final_[row])].first_row = next_[row];
    }
  }
  next_[row] = kNoRow;
  if (options_.index_episodes) final_[row] = kNoRow;
  return rows_begun_++;
}

int32_t EpisodeLinks::FindStream(uint64_t actor, int32_t slot) {
  const auto found = stream_index_.find({actor, slot});
  if (found != stream_index_.end()) return found->second;
  int32_t index = static_cast<int32_t>(streams_.size());
  if (index < options_.streams_max) {
    streams_.emplace_back();
  } else {
    // Prefer a stream between two episodes, else the one silent longest.
    const auto oldest =
        std::min_element(streams_.begin(), streams_.end(),
                         [](const Stream& a, const Stream& b) { return a.pending < b.pending; });
    Finish(&*oldest);
    stream_index_.erase({oldest->actor, oldest->slot});
    index = static_cast<int32_t>(oldest - streams_.begin());
  }
  streams_[index] = Stream{actor, slot};
  stream_index_[{actor, slot}] = index;
  return index;
}

EpisodeLinks::Placed EpisodeLinks::Append(const Step& step) {
  const int32_t index = FindStream(step.actor, step.slot);
  Stream& stream = streams_[index];
  Placed placed;
  placed.is_new =
      stream.pending < 0 || !Remains(stream.pending, 1) || stream.digest != step.observation_digest;
  if (placed.is_new) {
    Finish(&stream);
    placed.serial = Begin();
    stream.first_row = static_cast<int32_t>(Row(placed.serial));
  } else {
    placed.serial = stream.pending;
    before_change_(Row(placed.serial));
  }
  placed.row = Row(placed.serial);
  stream.pending = Begin();
  stream.digest = step.next_observation_digest;
  placed.next_row = Row(stream.pending);
  next_[placed.row] = static_cast<int32_t>(placed.next_row);
  reward_[placed.row] = step.reward;
  terminated_[placed.row] = step.terminated;
  if (options_.index_episodes) final_[placed.row] = OwnedBy(index);
  ++steps_;
  if (step.terminated || step.truncated) Finish(&stream);
  return placed;
}

void EpisodeLinks::Finish(Stream* stream) {
  // Steps are older than the pending row: if it is gone, they all are.
  if (options_.index_episodes && stream->pending >= 0 && Remains(stream->pending, 0)) {
    const int32_t final_row = static_cast<int32_t>(Row(stream->pending));
    // For each j, the latest row whose position has lowest set bit j: its link leads 2^j ahead, to
    // a position with a higher lowest set bit.
    std::array<int32_t, 31> latest;
    int32_t position = 0;
    for (int32_t row = stream->first_row;; row = next_[row]) {
      position_[row] = ++position;
      final_[row] = final_row;
      const int lowest_bit = TrailingZeros(position);
      for (int j = 0; j < lowest_bit; ++j) skip_[latest[j]] = row;
      latest[lowest_bit] = row;
      if (row == final_row) break;
    }
  }
  stream->pending = -1;
}

EpisodeLinks::Return EpisodeLinks::NStep(int64_t row, int64_t n, double gamma) const {
  double sum = 0;
  double discount = 1;
  bool terminated = false;
  for (int64_t i = 0; i < n && next_[row] >= 0; ++i) {
    sum += discount * reward_[row];
    discount *= gamma;
    terminated = terminated_[row] != 0;
    row = next_[row];
  }
  return {static_cast<float>(sum), static_cast<float>(discount), terminated, row};
}

int64_t EpisodeLinks::LaterObservations(int64_t row) const {
  return final_[row] < 0 ? 0 : position_[final_[row]] - position_[row];
}

int64_t EpisodeLinks::Later(int64_t row, int64_t steps) const {
  if (steps == 0) return row;
  const int32_t target = position_[row] + static_cast<int32_t>(steps);
  while (position_[row] != target) {
    const int32_t reached = position_[row] + (position_[row] & -position_[row]);
    row = reached <= target ? skip_[row] : next_[row];
  }
  return row;
}

EpisodeLinks::Columns EpisodeLinks::columns() {
  return {absl::MakeSpan(next_), absl::MakeSpan(reward_), absl::MakeSpan(terminated_)};
}

std::vector<EpisodeLinks::Stream> EpisodeLinks::PendingStreams() const {
  std::vector<Stream> pending;
  for (const auto& [name, index] : stream_index_) {
    const Stream& stream = streams_[index];
    if (stream.pending >= 0 && Remains(stream.pending, 0)) pending.push_back(stream);
  }
  return pending;
}

EpisodeLinks::Saved EpisodeLinks::Save() const {
  Saved saved;
  saved.rows_begun = rows_begun_;
  saved.next.assign(next_.begin(), next_.begin() + rows());
  saved.reward.assign(reward_.begin(), reward_.begin() + rows());
  saved.terminated.assign(terminated_.begin(), terminated_.begin() + rows());
  saved.streams = PendingStreams();
  return saved;
}

absl::Status EpisodeLinks::Check(const Saved& saved) const {
  const int64_t rows = static_cast<int64_t>(saved.next.size());
  if (saved.rows_begun < 0 || rows > options_.capacity ||
      rows != std::min(saved.rows_begun, options_.capacity) ||
      static_cast<int64_t>(saved.reward.size()) != rows ||
      static_cast<int64_t>(saved.terminated.size()) != rows) {
    return absl::InvalidArgumentError(
        absl::StrCat("replay.rows_begun is ", saved.rows_begun, " with ", rows, " rows of next, ",
                     saved.reward.size(), " of reward and ", saved.terminated.size(),
                     " of terminated, of ", options_.capacity));
  }
  // Serials relative to the oldest row.
  const int64_t oldest_row = rows < options_.capacity ? 0 : Row(saved.rows_begun);
  auto age = [&](int64_t row) {
    return row >= oldest_row ? row - oldest_row : row - oldest_row + rows;
  };
  std::vector<bool> follows(rows);
  for (int64_t row = 0; row < rows; ++row) {
    const int32_t next = saved.next[row];
    if (next == kNoRow) continue;
    if (next < 0 || next >= rows || age(next) <= age(row))
      return Unfit(row, "links to no later row");
    if (follows[next]) return Unfit(next, "follows two rows");
    follows[next] = true;
  }
  if (static_cast<int64_t>(saved.streams.size()) > options_.streams_max) {
    return absl::InvalidArgumentError(absl::StrCat("replay.stream has ", saved.streams.size(),
                                                   " rows, of ", options_.streams_max));
  }
  std::set<int64_t> pending;
  std::set<std::pair<uint64_t, int32_t>> names;
  for (const Stream& stream : saved.streams) {
    if (!pending.insert(stream.pending).second ||
        !names.insert({stream.actor, stream.slot}).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay.stream holds serial ", stream.pending, " or its slot twice"));
    }
    if (stream.pending < saved.rows_begun - rows || stream.pending >= saved.rows_begun ||
        saved.next[Row(stream.pending)] != kNoRow) {
      return absl::InvalidArgumentError(
          absl::StrCat("replay.stream: serial ", stream.pending, " is no row without a step"));
    }
  }
  return absl::OkStatus();
}

absl::Status EpisodeLinks::Load(const Saved& saved) {
  if (absl::Status status = Check(saved); !status.ok()) return status;
  rows_begun_ = saved.rows_begun;
  // In place: see Columns.
  std::fill(std::copy(saved.next.begin(), saved.next.end(), next_.begin()), next_.end(), kNoRow);
  std::copy(saved.reward.begin(), saved.reward.end(), reward_.begin());
  std::copy(saved.terminated.begin(), saved.terminated.end(), terminated_.begin());
  steps_ = std::count_if(next_.begin(), next_.end(), [](int32_t next) { return next >= 0; });
  streams_ = saved.streams;
  stream_index_.clear();
  for (size_t i = 0; i < streams_.size(); ++i) {
    stream_index_[{streams_[i].actor, streams_[i].slot}] = static_cast<int32_t>(i);
  }
  if (options_.index_episodes) IndexEpisodes();
  return absl::OkStatus();
}

void EpisodeLinks::IndexEpisodes() {
  std::fill(final_.begin(), final_.end(), kNoRow);
  std::map<int64_t, int32_t> pending;  // Row to stream.
  for (size_t i = 0; i < streams_.size(); ++i) {
    pending[Row(streams_[i].pending)] = static_cast<int32_t>(i);
  }
  std::vector<bool> follows(options_.capacity);
  for (const int32_t next : next_) {
    if (next >= 0) follows[next] = true;
  }
  for (int64_t first = 0; first < rows(); ++first) {
    if (follows[first]) continue;
    int64_t last = first;
    while (next_[last] >= 0) last = next_[last];
    const auto stream = pending.find(last);
    if (stream == pending.end()) {
      Stream ended{0, 0, static_cast<int32_t>(first), Serial(last)};
      Finish(&ended);
      continue;
    }
    streams_[stream->second].first_row = static_cast<int32_t>(first);
    for (int64_t row = first; row != last; row = next_[row]) final_[row] = OwnedBy(stream->second);
  }
}

}  // namespace armature
