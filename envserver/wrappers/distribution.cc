#include "envserver/wrappers/distribution.h"

#include <cmath>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/config/config.h"
#include "envserver/wrappers/env_wrapper.h"

namespace armature {
namespace {

constexpr double kStandardDeviationsMax = 3;

[[noreturn]] void Refuse(const std::string& key, const std::string& text,
                         const std::string& expected) {
  throw WrapperError(absl::StrCat(key, " is '", text, "'; expected ", expected));
}

}  // namespace

Distribution::Distribution(const std::string& key, const std::string& text) {
  const std::string plain = ScalarText(text);
  absl::string_view rest = plain;
  if (absl::ConsumePrefix(&rest, "uniform(")) {
    kind_ = Kind::kUniform;
  } else if (absl::ConsumePrefix(&rest, "normal(")) {
    kind_ = Kind::kNormal;
  } else if (absl::ConsumePrefix(&rest, "log_uniform(")) {
    kind_ = Kind::kLogUniform;
  } else {
    Refuse(key, plain, "uniform(LOW, HIGH), normal(MEAN, STD) or log_uniform(LOW, HIGH)");
  }
  const std::vector<absl::string_view> numbers = absl::StrSplit(absl::StripSuffix(rest, ")"), ',');
  if (rest.empty() || rest.back() != ')' || numbers.size() != 2 ||
      !absl::SimpleAtod(numbers[0], &a_) || !absl::SimpleAtod(numbers[1], &b_) ||
      !std::isfinite(a_) || !std::isfinite(b_)) {
    Refuse(key, plain, "two numbers in brackets");
  }
  if (kind_ == Kind::kNormal) {
    if (b_ < 0) Refuse(key, plain, "a standard deviation of at least 0");
  } else if (a_ > b_) {
    Refuse(key, plain, "the lower number first");
  }
  if (kind_ == Kind::kLogUniform && a_ <= 0) Refuse(key, plain, "numbers of more than 0");
}

double Distribution::Draw(Rng& rng) const {
  switch (kind_) {
    case Kind::kUniform:
      return rng.Uniform(a_, b_);
    case Kind::kLogUniform:
      return std::exp(rng.Uniform(std::log(a_), std::log(b_)));
    default:
      break;
  }
  double normal = rng.Normal();
  while (std::abs(normal) > kStandardDeviationsMax) normal = rng.Normal();
  return a_ + b_ * normal;
}

double Distribution::low() const {
  return kind_ == Kind::kNormal ? a_ - kStandardDeviationsMax * b_ : a_;
}

}  // namespace armature
