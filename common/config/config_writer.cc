// Implements ToYaml, ToMarkdown and DescribeKeys.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/config/config.h"
#include "common/config/config_text.h"

namespace armature {
namespace {

class YamlWriter : public ConfigVisitor {
 public:
  const std::string& text() const { return text_; }

  void Field(absl::string_view name, bool& value, absl::string_view) override {
    Line(name, value ? "true" : "false");
  }
  void Field(absl::string_view name, int64_t& value, absl::string_view,
             const FieldLimits&) override {
    Line(name, absl::StrCat(value));
  }
  void Field(absl::string_view name, double& value, absl::string_view,
             const FieldLimits&) override {
    Line(name, NumberToYaml(value));
  }
  void Field(absl::string_view name, std::string& value, absl::string_view,
             const FieldLimits&) override {
    Line(name, StringToYaml(value));
  }
  void Field(absl::string_view name, std::vector<int64_t>& value, absl::string_view,
             const FieldLimits&) override {
    Line(name, ListToYaml(value));
  }
  void Field(absl::string_view name, std::vector<std::string>& value, absl::string_view) override {
    Line(name, WordsToYaml(value));
  }
  void Field(absl::string_view name, std::map<std::string, std::string>& value,
             absl::string_view) override {
    Line(name, value.empty() ? "{}" : "");
    indent_ += 2;
    for (const auto& [key, entry] : value) Line(StringToYaml(key), entry);
    indent_ -= 2;
  }

 protected:
  void BeginSection(absl::string_view name, absl::string_view) override {
    Line(name, "");
    indent_ += 2;
  }
  void EndSection() override { indent_ -= 2; }

 private:
  void Line(absl::string_view name, absl::string_view value) {
    absl::StrAppend(&text_, std::string(indent_, ' '), name, value.empty() ? ":" : ": ", value,
                    "\n");
  }

  int indent_ = 0;
  std::string text_;
};

// Calls Row for each key, and Heading for each section.
class KeyVisitor : public ConfigVisitor {
 public:
  void Field(absl::string_view name, bool& value, absl::string_view doc) override {
    Add(name, "bool", value ? "true" : "false", {}, doc);
  }
  void Field(absl::string_view name, int64_t& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Add(name, "integer", absl::StrCat(value), limits, doc);
  }
  void Field(absl::string_view name, double& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Add(name, "number", NumberToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::string& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Add(name, "word", StringToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::vector<int64_t>& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Add(name, "integers", ListToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::vector<std::string>& value,
             absl::string_view doc) override {
    Add(name, "words", WordsToYaml(value), {}, doc);
  }
  void Field(absl::string_view name, std::map<std::string, std::string>& value,
             absl::string_view doc) override {
    Add(name, "map", absl::StrCat("{", absl::StrJoin(value, ", ", absl::PairFormatter(": ")), "}"),
        {}, doc);
  }

 protected:
  virtual void Row(KeyDescription key) = 0;
  virtual void Heading(const std::string& key, absl::string_view doc) { (void)key, (void)doc; }

  void BeginSection(absl::string_view name, absl::string_view doc) override {
    open_.push_back(JoinKey(open_.back(), name));
    Heading(open_.back(), doc);
  }
  void EndSection() override { open_.pop_back(); }
  const std::string& section() const { return open_.back(); }

 private:
  void Add(absl::string_view name, absl::string_view type, std::string value,
           const FieldLimits& limits, absl::string_view doc) {
    Row({JoinKey(open_.back(), name), std::string(type), std::move(value), LimitsText(limits),
         std::string(doc)});
  }

  std::vector<std::string> open_ = {""};
};

class KeyLister : public KeyVisitor {
 public:
  std::vector<KeyDescription> keys;

 protected:
  void Row(KeyDescription key) override { keys.push_back(std::move(key)); }
};

class MarkdownWriter : public KeyVisitor {
 public:
  std::string text() const {
    std::string text;
    for (const Table& table : tables_) {
      if (!table.key.empty()) {
        absl::StrAppend(&text, "\n### `", table.key, "`\n\n", table.doc, "\n");
      }
      if (table.rows.empty()) continue;
      absl::StrAppend(&text, "\n| key | type | default | limits | meaning |\n",
                      "|---|---|---|---|---|\n", table.rows);
    }
    return std::string(absl::StripLeadingAsciiWhitespace(text));
  }

 protected:
  void Row(KeyDescription key) override {
    // A section's own keys stand together, also those after a section within it.
    const auto table = std::find_if(tables_.begin(), tables_.end(),
                                    [this](const Table& t) { return t.key == section(); });
    absl::StrAppend(&table->rows, "| `", key.key, "` | ", key.type, " | `", key.value, "` | ",
                    key.limits, " | ", absl::StrReplaceAll(key.doc, {{"|", "\\|"}}), " |\n");
  }
  void Heading(const std::string& key, absl::string_view doc) override {
    tables_.push_back({key, std::string(doc), ""});
  }

 private:
  struct Table {
    std::string key;
    std::string doc;
    std::string rows;
  };

  std::vector<Table> tables_ = {{}};
};

}  // namespace

std::string ToYaml(ConfigRef config) {
  YamlWriter writer;
  config.Visit(writer);
  return writer.text();
}

std::string ToMarkdown(ConfigRef config) {
  MarkdownWriter writer;
  config.Visit(writer);
  return writer.text();
}

std::vector<KeyDescription> DescribeKeys(ConfigRef config) {
  KeyLister lister;
  config.Visit(lister);
  return std::move(lister.keys);
}

}  // namespace armature
