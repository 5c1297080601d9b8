// A distribution, as users write it: "uniform(0.8, 1.2)" (low, high), "normal(1, 0.1)" (mean,
// standard deviation; cut at three of them) or "log_uniform(0.5, 2)" (low, high; its logarithm is
// uniform).
//
// Thread safety: const after creation.
// Errors: WrapperError, which names the key, the text and what is wrong.
#ifndef ARMATURE_ENVSERVER_WRAPPERS_DISTRIBUTION_H_
#define ARMATURE_ENVSERVER_WRAPPERS_DISTRIBUTION_H_

#include <string>

#include "common/random/rng.h"

namespace armature {

class Distribution {
 public:
  // `text` may be in YAML's quotes.
  Distribution(const std::string& key, const std::string& text);

  double Draw(Rng& rng) const;
  // The least value that can be drawn.
  double low() const;

 private:
  enum class Kind { kUniform, kNormal, kLogUniform };
  Kind kind_;
  double a_ = 0;
  double b_ = 0;
};

}  // namespace armature

#endif  // ARMATURE_ENVSERVER_WRAPPERS_DISTRIBUTION_H_
