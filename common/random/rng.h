// Random numbers that are the same on every machine for the same seed: the
// standard fixes std::mt19937_64 but not its distributions, so those are here.
//
// Thread safety: compatible; one generator a thread.
#ifndef ARMATURE_COMMON_RANDOM_RNG_H_
#define ARMATURE_COMMON_RANDOM_RNG_H_

#include <cstdint>
#include <initializer_list>
#include <random>

namespace armature {

class Rng {
 public:
  // Seeded from a list, e.g. {run seed, slot, episode}: lists that differ
  // anywhere give unrelated streams.
  explicit Rng(std::initializer_list<uint64_t> seed);

  uint64_t Bits() { return engine_(); }
  double Uniform(double low, double high);  // In [low, high).
  int64_t Index(int64_t count);             // In 0 .. count - 1.
  double Normal();                          // Mean 0, deviation 1 (Box-Muller).

 private:
  std::mt19937_64 engine_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RANDOM_RNG_H_
