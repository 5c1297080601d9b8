// Typed configuration: a struct that lists its own fields, once, for reading,
// overriding, printing and documenting.
//
//   struct ReplayConfig {
//     double budget_mb = 256;
//     void Visit(ConfigVisitor& v) {
//       v.Field("budget_mb", budget_mb, "Memory for transitions, in MiB.", AtLeast(1.0));
//     }
//   };
//
// Data flow: YAML text -> LoadYaml -> ApplyOverride("a.b=c")* -> the owner's own
// cross-field checks -> used as a const value everywhere else.
// Strictness: an unknown key, an ill-typed value or one out of range is
// InvalidArgument naming the dotted key, the value, the limit and, for an unknown
// key, the nearest valid one.
// Thread safety: compatible.
#ifndef ARMATURE_COMMON_CONFIG_CONFIG_H_
#define ARMATURE_COMMON_CONFIG_CONFIG_H_

#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace armature {

// Limits of one field. Default: none.
struct FieldLimits {
  double low = -std::numeric_limits<double>::infinity();  // Closed.
  double high = std::numeric_limits<double>::infinity();  // Closed.
  bool low_open = false;                                  // value > low instead.
  std::vector<std::string> choices;                       // Strings: one of these.
};
FieldLimits AtLeast(double low);
FieldLimits MoreThan(double low);
FieldLimits Between(double low, double high);
FieldLimits OneOf(std::vector<std::string> choices);

// What a config struct's Visit calls, once a field, in the order of printing.
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
  // Free keys, e.g. what is passed on to an environment (which checks them).
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

// A config struct seen through its Visit; made by ConfigOf. Does not own it.
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

// Each sets the fields that `text` names and leaves the others as they are. On an
// error the config is unspecified and must not be used.
// OK; InvalidArgument: see Strictness above. `source` names the text in messages.
absl::Status LoadYaml(absl::string_view text, absl::string_view source, ConfigRef config);
// `assignment` is "dotted.key=value", the value in YAML.
absl::Status ApplyOverride(absl::string_view assignment, ConfigRef config);
// Flat keys with values in YAML, e.g. an environment's config on the wire.
absl::Status LoadMap(const std::map<std::string, std::string>& values, absl::string_view source,
                     ConfigRef config);

// The config as YAML that LoadYaml reads back to an equal one.
std::string ToYaml(ConfigRef config);
// A Markdown table a section: key, type, default (the present value), limits, doc.
std::string ToMarkdown(ConfigRef config);

// The candidate nearest to `word` by edit distance, or empty when none is near.
std::string NearestName(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace armature

#endif  // ARMATURE_COMMON_CONFIG_CONFIG_H_
