// Random numbers that are the same on every machine for the same seed. The C++ standard fixes
// std::mt19937_64 but not its distributions, so the distributions are implemented here.
//
// Thread safety: compatible; use one generator per thread.
#ifndef ARMATURE_COMMON_RANDOM_RNG_H_
#define ARMATURE_COMMON_RANDOM_RNG_H_

#include <cstdint>
#include <initializer_list>
#include <random>
#include <string>

namespace armature {

class Rng {
 public:
  // Seeds from a list, e.g. {run seed, slot, episode}. Any difference between two lists gives
  // unrelated streams.
  explicit Rng(std::initializer_list<uint64_t> seed);

  uint64_t Bits() { return engine_(); }
  double Uniform(double low, double high);  // In [low, high).
  int64_t Index(int64_t count);             // In 0 .. count - 1.
  double Normal();                          // Mean 0, standard deviation 1 (Box-Muller).

  // The generator's state as text, and back. Returns false, and changes nothing, if `state` is not
  // such a text.
  std::string State() const;
  bool SetState(const std::string& state);

 private:
  std::mt19937_64 engine_;
};

}  // namespace armature

#endif  // ARMATURE_COMMON_RANDOM_RNG_H_
