// Typed configuration: a struct lists its own fields once, and this one list serves for reading,
// overriding, printing and documenting.
//
//   struct ReplayConfig {
//     double budget_mb = 256;
//     void Visit(ConfigVisitor& v) {
//       v.Field("budget_mb", budget_mb, "Memory for transitions, in MiB.", AtLeast(1.0));
//     }
//   };
//
// Data flow: YAML text -> LoadYaml -> ApplyOverride("a.b=c")* -> the owner's checks across fields
// -> used as a const value everywhere else.
// Strictness: an unknown key, a value of the wrong type and a value out of range are
// InvalidArgument. The message names the dotted key, the value and the limit, and for an unknown
// key the nearest valid one.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_CONFIG_CONFIG_H_
#define ARMATURE_COMMON_CONFIG_CONFIG_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace armature {

// Limits of one field; none by default.
struct FieldLimits {
  double low = -std::numeric_limits<double>::infinity();  // Inclusive.
  double high = std::numeric_limits<double>::infinity();  // Inclusive.
  bool low_open = false;                                  // If true, `low` itself is excluded.
  std::vector<std::string> choices;                       // Allowed strings.
};
FieldLimits AtLeast(double low);
FieldLimits MoreThan(double low);
FieldLimits Between(double low, double high);
FieldLimits OneOf(std::vector<std::string> choices);

// A config struct's Visit calls this once for each field, in printing order.
class ConfigVisitor {
 public:
  virtual ~ConfigVisitor() = default;
  virtual void Field(absl::string_view name, bool& value, absl::string_view doc) = 0;
  virtual void Field(absl::string_view name, int64_t& value, absl::string_view doc,
                     const FieldLimits& limits = {}) = 0;
  virtual void Field(absl::string_view name, double& value, absl::string_view doc,
                     const FieldLimits& limits = {}) = 0;
  virtual void Field(absl::string_view name, std::string& value, absl::string_view doc,
                     const FieldLimits& limits = {}) = 0;
  virtual void Field(absl::string_view name, std::vector<int64_t>& value, absl::string_view doc,
                     const FieldLimits& limits = {}) = 0;
  // A list of words.
  virtual void Field(absl::string_view name, std::vector<std::string>& value,
                     absl::string_view doc) = 0;
  // Free-form keys, e.g. those passed on to an environment, which checks them.
  virtual void Field(absl::string_view name, std::map<std::string, std::string>& value,
                     absl::string_view doc) = 0;

  template <typename Config>
  void Section(absl::string_view name, Config& config, absl::string_view doc) {
    BeginSection(name, doc);
    config.Visit(*this);
    EndSection();
  }

 protected:
  virtual void BeginSection(absl::string_view name, absl::string_view doc) = 0;
  virtual void EndSection() = 0;
};

// Type-erased reference to a config struct; made by ConfigOf. Does not own the struct.
class ConfigRef {
 public:
  template <typename Config>
  explicit ConfigRef(Config* config)
      : object_(config),
        visit_([](void* object, ConfigVisitor& v) { static_cast<Config*>(object)->Visit(v); }) {}
  void Visit(ConfigVisitor& visitor) const { visit_(object_, visitor); }

 private:
  void* object_;
  void (*visit_)(void*, ConfigVisitor&);
};
template <typename Config>
ConfigRef ConfigOf(Config& config) {
  return ConfigRef(&config);
}

// These functions set the fields that the input names and leave the others unchanged. After an
// error the config is in an unspecified state and must not be used. `source` names the text in
// messages.
// They return InvalidArgument as described under Strictness.
absl::Status LoadYaml(absl::string_view text, absl::string_view source, ConfigRef config);
// `assignment` is "dotted.key=value"; the value is YAML. What follows the key of free-form keys is
// one of these, dots included, unless it leads into a map that is the value of one.
absl::Status ApplyOverride(absl::string_view assignment, ConfigRef config);
// Reads flat keys with YAML values, e.g. an environment's config on the wire.
absl::Status LoadMap(const std::map<std::string, std::string>& values, absl::string_view source,
                     ConfigRef config);

// Returns `values` with each value that is a YAML map replaced by its entries, under dotted keys:
// {a: "{b: {c: 1}}"} becomes {a.b.c: "1"}. Values that are not YAML stay as they are.
// Returns InvalidArgument if a key is given in both ways, or has no value.
absl::StatusOr<std::map<std::string, std::string>> FlattenKeys(
    const std::map<std::string, std::string>& values, absl::string_view source);

// Returns the text of a YAML scalar without its quotes; anything else as it is.
std::string ScalarText(const std::string& yaml);

// Returns the config as YAML; LoadYaml reads an equal config back.
std::string ToYaml(ConfigRef config);
// Returns one Markdown table per section: key, type, default (the present value), limits, doc.
std::string ToMarkdown(ConfigRef config);

// One key of a config, in words.
struct KeyDescription {
  std::string key;  // Dotted.
  std::string type;
  std::string value;   // The present one.
  std::string limits;  // Empty: none.
  std::string doc;
};
// Returns all keys in printing order.
std::vector<KeyDescription> DescribeKeys(ConfigRef config);

// Returns the candidate nearest to `word` by edit distance, or an empty string if none is close.
std::string NearestName(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_CONFIG_H_
