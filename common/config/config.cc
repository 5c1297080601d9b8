#include "common/config/config.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/config/config_text.h"
#include "common/config/quote_addresses.h"
#include "yaml-cpp/yaml.h"

namespace armature {
namespace {

bool WithinLimits(double value, const FieldLimits& limits) {
  if (limits.low_open ? value <= limits.low : value < limits.low) return false;
  return value <= limits.high;
}

// Returns a node within a list or a map as YAML; a quoted scalar stays quoted.
std::string NestedToYaml(const YAML::Node& node) {
  if (node.IsNull()) return "~";
  if (node.IsScalar()) {
    const std::string& text = node.Scalar();
    const bool needs_quotes = text.find_first_of(",[]{}") != std::string::npos;
    return node.Tag() == "!" || needs_quotes ? QuotedYaml(text) : text;
  }
  std::vector<std::string> entries;
  for (const auto& entry : node) {
    entries.push_back(
        node.IsMap() ? absl::StrCat(NestedToYaml(entry.first), ": ", NestedToYaml(entry.second))
                     : NestedToYaml(entry));
  }
  const std::string joined = absl::StrJoin(entries, ", ");
  return node.IsMap() ? absl::StrCat("{", joined, "}") : absl::StrCat("[", joined, "]");
}

// Returns any node as one line of YAML; a quoted scalar stays quoted.
std::string NodeToYaml(const YAML::Node& node) {
  if (node.IsScalar() && node.Tag() != "!") return node.Scalar();
  return NestedToYaml(node);
}

std::string Shown(const YAML::Node& node) {
  if (node.IsNull()) return "nothing";
  if (node.IsSequence()) return "a list";
  if (node.IsMap()) return "a map";
  return absl::StrCat("'", node.Scalar(), "'");
}

// Parses a whole number as people write it: 12, 1_000, 1e6, 64.0.
bool ParseInteger(absl::string_view text, int64_t* value) {
  const bool grouped = absl::StrContains(text, '_') && !text.empty() && text.front() != '_';
  const std::string digits = grouped ? absl::StrReplaceAll(text, {{"_", ""}}) : std::string(text);
  if (absl::SimpleAtoi(digits, value)) return true;
  // 2^53: larger integers are not all exact in a double.
  constexpr double kExactMax = 9007199254740992;
  double number = 0;
  if (!absl::SimpleAtod(digits, &number) || std::abs(number) > kExactMax ||
      number != std::trunc(number)) {
    return false;
  }
  *value = static_cast<int64_t>(number);
  return true;
}

// Sets a dotted key in a map of maps, which is changed in place.
void SetNested(YAML::Node map, absl::string_view key, const YAML::Node& value) {
  const size_t dot = key.find('.');
  const std::string name(key.substr(0, dot));
  if (dot == absl::string_view::npos) {
    map[name] = value;
    return;
  }
  if (!map[name].IsDefined() || !map[name].IsMap()) map[name] = YAML::Node(YAML::NodeType::Map);
  SetNested(map[name], key.substr(dot + 1), value);
}

// Returns an undefined node if `text` is not one YAML map.
YAML::Node ParseMap(const std::string& text) {
  try {
    const YAML::Node node = YAML::Load(text);
    if (node.IsMap()) return node;
  } catch (const YAML::Exception&) {
    // Values of free keys are only passed on; whoever knows the key says what is wrong.
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

// Sets one free key. "a.b" goes into the map that the key "a" has, if it has one; a value of "a"
// replaces those of all "a.b".
void SetFreeKey(const std::string& key, const YAML::Node& value,
                std::map<std::string, std::string>* values) {
  for (size_t dot = key.find('.'); dot != std::string::npos; dot = key.find('.', dot + 1)) {
    const auto outer = values->find(key.substr(0, dot));
    if (outer == values->end()) continue;
    const YAML::Node map = ParseMap(outer->second);
    if (!map.IsDefined()) continue;
    SetNested(map, key.substr(dot + 1), value);
    outer->second = NodeToYaml(map);
    return;
  }
  const std::string prefix = key + ".";
  auto inner = values->lower_bound(prefix);
  while (inner != values->end() && absl::StartsWith(inner->first, prefix)) {
    inner = values->erase(inner);
  }
  (*values)[key] = NodeToYaml(value);
}

// Sets what is in `value`, a map or not, key by key.
void SetFreeKeys(const std::string& key, const YAML::Node& value,
                 std::map<std::string, std::string>* values) {
  if (!value.IsMap()) {
    SetFreeKey(key, value, values);
    return;
  }
  for (const auto& entry : value) {
    SetFreeKeys(absl::StrCat(key, ".", entry.first.Scalar()), entry.second, values);
  }
}

// As SetFreeKey, but a map is merged with the one that is there, as Hydra does with files.
void MergeFreeKey(const std::string& key, const YAML::Node& value,
                  std::map<std::string, std::string>* values) {
  const auto old = values->find(key);
  const auto inner = values->lower_bound(key + ".");
  const bool has_map = (old != values->end() && ParseMap(old->second).IsDefined()) ||
                       (inner != values->end() && absl::StartsWith(inner->first, key + "."));
  if (has_map) {
    SetFreeKeys(key, value, values);
  } else {
    SetFreeKey(key, value, values);
  }
}

// Collects the dotted keys of all fields, in order.
class KeyCollector : public ConfigVisitor {
 public:
  const std::vector<std::string>& keys() const { return keys_; }

  void Field(absl::string_view name, bool&, absl::string_view) override { Add(name); }
  void Field(absl::string_view name, int64_t&, absl::string_view, const FieldLimits&) override {
    Add(name);
  }
  void Field(absl::string_view name, double&, absl::string_view, const FieldLimits&) override {
    Add(name);
  }
  void Field(absl::string_view name, std::string&, absl::string_view, const FieldLimits&) override {
    Add(name);
  }
  void Field(absl::string_view name, std::vector<int64_t>&, absl::string_view,
             const FieldLimits&) override {
    Add(name);
  }
  void Field(absl::string_view name, std::vector<std::string>&, absl::string_view) override {
    Add(name);
  }
  void Field(absl::string_view name, std::map<std::string, std::string>&,
             absl::string_view) override {
    Add(name);
  }

 protected:
  void BeginSection(absl::string_view name, absl::string_view) override {
    prefixes_.push_back(JoinKey(prefixes_.back(), name));
  }
  void EndSection() override { prefixes_.pop_back(); }

 private:
  void Add(absl::string_view name) { keys_.push_back(JoinKey(prefixes_.back(), name)); }

  std::vector<std::string> prefixes_ = {""};
  std::vector<std::string> keys_;
};

// Sets the fields that a YAML map names. Keeps the first error and skips everything after it.
class Reader : public ConfigVisitor {
 public:
  // `single_key` is the one dotted key that `root` sets (an override), or empty.
  Reader(const YAML::Node& root, absl::string_view source, absl::string_view single_key,
         std::vector<std::string> all_keys)
      : source_(source), single_key_(single_key), all_keys_(std::move(all_keys)) {
    Push("", root);
  }

  absl::Status Finish() {
    EndSection();
    return status_;
  }

  void Field(absl::string_view name, bool& value, absl::string_view) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    const bool plain = node->IsScalar() && node->Tag() != "!";
    if (plain && node->Scalar() == "true") {
      value = true;
    } else if (plain && node->Scalar() == "false") {
      value = false;
    } else {
      Expected(Key(name), "true or false", *node);
    }
  }

  void Field(absl::string_view name, int64_t& value, absl::string_view,
             const FieldLimits& limits) override {
    const YAML::Node* node = Take(name);
    if (node != nullptr) ReadInteger(Key(name), *node, limits, &value);
  }

  void Field(absl::string_view name, double& value, absl::string_view,
             const FieldLimits& limits) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    double number = 0;
    if (!node->IsScalar() || node->Tag() == "!" || !absl::SimpleAtod(node->Scalar(), &number) ||
        !std::isfinite(number)) {
      Expected(Key(name), "a number", *node);
    } else if (!WithinLimits(number, limits)) {
      Expected(Key(name), LimitsText(limits), *node);
    } else {
      value = number;
    }
  }

  void Field(absl::string_view name, std::string& value, absl::string_view,
             const FieldLimits& limits) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    const std::vector<std::string>& choices = limits.choices;
    // "key=" on a command line.
    const bool is_empty = node->IsNull() && !single_key_.empty();
    const std::string word = node->IsScalar() ? node->Scalar() : "";
    if (!node->IsScalar() && !is_empty) {
      Expected(
          Key(name),
          node->IsNull() ? "a word" : "text, in quotes where it has ': ' or opens with a brace",
          *node);
    } else if (!choices.empty() &&
               std::find(choices.begin(), choices.end(), word) == choices.end()) {
      Expected(Key(name), LimitsText(limits), *node);
    } else {
      value = word;
    }
  }

  void Field(absl::string_view name, std::vector<int64_t>& value, absl::string_view,
             const FieldLimits& limits) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    if (!node->IsSequence()) {
      Expected(Key(name), "a list of integers such as [64, 64]", *node);
      return;
    }
    value.assign(node->size(), 0);
    for (size_t i = 0; i < value.size(); ++i) {
      ReadInteger(absl::StrCat(Key(name), "[", i, "]"), (*node)[i], limits, &value[i]);
    }
  }

  void Field(absl::string_view name, std::vector<std::string>& value, absl::string_view) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    if (!node->IsSequence()) {
      Expected(Key(name), "a list of words such as [position, velocity]", *node);
      return;
    }
    value.clear();
    for (const YAML::Node& word : *node) {
      if (!word.IsScalar()) {
        Expected(absl::StrCat(Key(name), "[", value.size(), "]"), "a word", word);
        return;
      }
      value.push_back(word.Scalar());
    }
  }

  void Field(absl::string_view name, std::map<std::string, std::string>& value,
             absl::string_view) override {
    const YAML::Node* node = Take(name);
    if (node == nullptr) return;
    const std::string key = Key(name);
    if (!node->IsMap() && !node->IsNull()) {
      Expected(key, "a map such as {control_type: joints}", *node);
      return;
    }
    // "environment.config={x: 1}", or null in a file, replaces the old map.
    if (single_key_ == key || node->IsNull()) value.clear();
    std::map<std::string, YAML::Node> entries;
    ReadMap(key, *node, &entries);
    for (const auto& [entry, entry_node] : entries) {
      if (entry_node.IsNull()) {
        Expected(JoinKey(key, entry), "a value", entry_node);
      } else if (single_key_.empty()) {
        MergeFreeKey(entry, entry_node, &value);
      } else {
        SetFreeKey(entry, entry_node, &value);
      }
    }
  }

 protected:
  void BeginSection(absl::string_view name, absl::string_view) override {
    const YAML::Node* node = Take(name);
    Push(Key(name), node == nullptr ? YAML::Node() : *node);
  }

  void EndSection() override {
    const Frame& frame = frames_.back();
    for (const auto& [name, node] : frame.entries) {
      if (std::find(frame.names.begin(), frame.names.end(), name) == frame.names.end()) {
        Fail(node, absl::StrCat("unknown key '", JoinKey(frame.prefix, name), "'",
                                Suggestion(frame, name)));
      }
    }
    frames_.pop_back();
  }

 private:
  struct Frame {
    std::string prefix;
    std::map<std::string, YAML::Node> entries;
    std::vector<std::string> names;  // Names that the config has.
  };

  std::string Key(absl::string_view name) const { return JoinKey(frames_.back().prefix, name); }

  void Push(const std::string& prefix, const YAML::Node& node) {
    frames_.push_back({prefix, {}, {}});
    if (node.IsMap()) {
      ReadMap(prefix, node, &frames_.back().entries);
    } else if (node.IsDefined() && !node.IsNull()) {
      Expected(prefix.empty() ? "the configuration" : prefix, "a map of keys", node);
    }
  }

  void ReadMap(const std::string& prefix, const YAML::Node& map,
               std::map<std::string, YAML::Node>* entries) {
    if (!map.IsMap()) return;
    for (const auto& entry : map) {
      if (!entry.first.IsScalar()) {
        Expected(prefix.empty() ? "the configuration" : prefix, "words as keys", entry.first);
      } else if (!entries->emplace(entry.first.Scalar(), entry.second).second) {
        Fail(entry.first,
             absl::StrCat("key '", JoinKey(prefix, entry.first.Scalar()), "' is given twice"));
      }
    }
  }

  // Returns the node of a field, or nullptr if the field is not set.
  const YAML::Node* Take(absl::string_view name) {
    Frame& frame = frames_.back();
    frame.names.emplace_back(name);
    const auto found = frame.entries.find(std::string(name));
    return found == frame.entries.end() || !status_.ok() ? nullptr : &found->second;
  }

  void ReadInteger(const std::string& key, const YAML::Node& node, const FieldLimits& limits,
                   int64_t* value) {
    int64_t number = 0;
    if (!node.IsScalar() || node.Tag() == "!" || !ParseInteger(node.Scalar(), &number)) {
      Expected(key, "an integer", node);
    } else if (!WithinLimits(static_cast<double>(number), limits)) {
      Expected(key, LimitsText(limits), node);
    } else {
      *value = number;
    }
  }

  std::string Suggestion(const Frame& frame, const std::string& name) const {
    std::string nearest = NearestName(name, frame.names);
    if (!nearest.empty()) {
      return absl::StrCat("; did you mean '", JoinKey(frame.prefix, nearest), "'?");
    }
    // A valid name in the wrong section.
    for (const std::string& key : all_keys_) {
      if (key == name || absl::EndsWith(key, "." + name)) {
        return absl::StrCat("; did you mean '", key, "'?");
      }
    }
    return absl::StrCat("; valid here: ", absl::StrJoin(frame.names, ", "));
  }

  void Expected(absl::string_view key, absl::string_view expected, const YAML::Node& node) {
    Fail(node, absl::StrCat(key, ": expected ", expected, ", got ", Shown(node)));
  }

  void Fail(const YAML::Node& node, const std::string& message) {
    if (!status_.ok()) return;
    const bool has_line = single_key_.empty() && !node.Mark().is_null();
    status_ = absl::InvalidArgumentError(
        has_line ? absl::StrCat(source_, ":", node.Mark().line + 1, ": ", message)
                 : absl::StrCat(source_, ": ", message));
  }

  const std::string source_;
  const std::string single_key_;
  const std::vector<std::string> all_keys_;
  absl::Status status_;
  std::vector<Frame> frames_;
};

absl::Status Read(const YAML::Node& root, absl::string_view source, absl::string_view single_key,
                  ConfigRef config) {
  KeyCollector keys;
  config.Visit(keys);
  Reader reader(root, source, single_key, keys.keys());
  config.Visit(reader);
  return reader.Finish();
}

// Sets one dotted key to the value of a YAML text.
absl::Status Assign(absl::string_view key, absl::string_view value, absl::string_view source,
                    ConfigRef config) {
  std::vector<YAML::Node> values;
  try {
    values = YAML::LoadAll(QuoteAddresses(value));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": ", key, ": '", value, "' is not YAML: ", error.msg,
                     "; a shell wants quotes around what has blanks in it"));
  }
  // Text after the closing quote would be lost.
  if (values.size() > 1) {
    return absl::InvalidArgumentError(absl::StrCat(source, ": ", key, ": ", value,
                                                   " is more than one YAML value; put quotes"
                                                   " around the whole of it"));
  }
  YAML::Node node = values.empty() ? YAML::Node() : values[0];
  // Everything after the key of a free map is one key of that map, including dots.
  KeyCollector keys;
  config.Visit(keys);
  std::vector<std::string> path = absl::StrSplit(key, '.');
  for (const std::string& field : keys.keys()) {
    if (!absl::StartsWith(key, field + ".")) continue;
    path = absl::StrSplit(field, '.');
    path.emplace_back(key.substr(field.size() + 1));
  }
  for (auto name = path.rbegin(); name != path.rend(); ++name) {
    YAML::Node parent(YAML::NodeType::Map);
    parent.force_insert(*name, node);
    node.reset(parent);  // Assigning would create a cycle.
  }
  return Read(node, source, key, config);
}

}  // namespace

FieldLimits AtLeast(double low) {
  FieldLimits limits;
  limits.low = low;
  return limits;
}

FieldLimits MoreThan(double low) {
  FieldLimits limits = AtLeast(low);
  limits.low_open = true;
  return limits;
}

FieldLimits Between(double low, double high) {
  FieldLimits limits = AtLeast(low);
  limits.high = high;
  return limits;
}

FieldLimits OneOf(std::vector<std::string> choices) {
  FieldLimits limits;
  limits.choices = std::move(choices);
  return limits;
}

absl::Status LoadYaml(absl::string_view text, absl::string_view source, ConfigRef config) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(QuoteAddresses(text));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ":", error.mark.line + 1, ": not YAML: ", error.msg));
  }
  if (documents.empty()) return absl::OkStatus();
  if (documents.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, ": expected one YAML document, got ", documents.size()));
  }
  return Read(documents[0], source, "", config);
}

absl::Status ApplyOverride(absl::string_view assignment, ConfigRef config) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(assignment, absl::MaxSplits('=', 1));
  if (!absl::StrContains(assignment, '=') || parts.first.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("override '", assignment, "': expected key=value"));
  }
  return Assign(parts.first, parts.second, "override", config);
}

std::string ScalarText(const std::string& yaml) {
  try {
    const YAML::Node node = YAML::Load(yaml);
    if (node.IsScalar()) return node.Scalar();
  } catch (const YAML::Exception&) {
    // Not YAML: as it is.
  }
  return yaml;
}

absl::StatusOr<std::map<std::string, std::string>> FlattenKeys(
    const std::map<std::string, std::string>& values, absl::string_view source) {
  std::map<std::string, std::string> flat;
  std::vector<std::pair<std::string, YAML::Node>> maps;
  const auto add = [&](const std::string& key, const std::string& value) {
    if (flat.emplace(key, value).second) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(source, ": key '", key, "' is given twice"));
  };
  for (const auto& [key, value] : values) {
    if (const YAML::Node map = ParseMap(value); map.IsDefined()) {
      maps.emplace_back(key, map);
    } else if (absl::Status status = add(key, value); !status.ok()) {
      return status;
    }
  }
  while (!maps.empty()) {
    const auto [key, map] = maps.back();
    maps.pop_back();
    for (const auto& entry : map) {
      const std::string name = JoinKey(key, entry.first.Scalar());
      absl::Status status;
      if (entry.second.IsMap()) {
        maps.emplace_back(name, entry.second);
      } else if (entry.second.IsNull()) {
        status = absl::InvalidArgumentError(
            absl::StrCat(source, ": ", name, ": expected a value, got nothing"));
      } else {
        status = add(name, NodeToYaml(entry.second));
      }
      if (!status.ok()) return status;
    }
  }
  return flat;
}

absl::Status LoadMap(const std::map<std::string, std::string>& values, absl::string_view source,
                     ConfigRef config) {
  for (const auto& [key, value] : values) {
    if (absl::Status status = Assign(key, value, source, config); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace armature
