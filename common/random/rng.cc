#include "common/random/rng.h"

#include <cmath>
#include <sstream>
#include <vector>

namespace armature {

Rng::Rng(std::initializer_list<uint64_t> seed) {
  std::vector<uint32_t> words;
  for (uint64_t value : seed) {
    words.push_back(static_cast<uint32_t>(value));
    words.push_back(static_cast<uint32_t>(value >> 32));
  }
  std::seed_seq sequence(words.begin(), words.end());
  engine_.seed(sequence);
}

double Rng::Uniform(double low, double high) {
  const double unit = static_cast<double>(engine_() >> 11) * 0x1.0p-53;
  return low + (high - low) * unit;
}

int64_t Rng::Index(int64_t count) {
  // Lemire's multiply-and-shift method; its bias is below count / 2^64.
  return static_cast<int64_t>((static_cast<unsigned __int128>(engine_()) * count) >> 64);
}

std::string Rng::State() const {
  std::ostringstream text;
  text << engine_;
  return text.str();
}

bool Rng::SetState(const std::string& state) {
  std::istringstream text(state);
  std::mt19937_64 engine;
  if (!(text >> engine)) return false;
  engine_ = engine;
  return true;
}

double Rng::Normal() {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Uniform(0, 1)));
  return radius * std::cos(2.0 * M_PI * Uniform(0, 1));
}

}  // namespace armature
