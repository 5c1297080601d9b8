// Implements ToYaml and ToMarkdown.
#include <string>
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

class MarkdownWriter : public ConfigVisitor {
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

  void Field(absl::string_view name, bool& value, absl::string_view doc) override {
    Row(name, "bool", value ? "true" : "false", {}, doc);
  }
  void Field(absl::string_view name, int64_t& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Row(name, "integer", absl::StrCat(value), limits, doc);
  }
  void Field(absl::string_view name, double& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Row(name, "number", NumberToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::string& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Row(name, "word", StringToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::vector<int64_t>& value, absl::string_view doc,
             const FieldLimits& limits) override {
    Row(name, "integers", ListToYaml(value), limits, doc);
  }
  void Field(absl::string_view name, std::map<std::string, std::string>& value,
             absl::string_view doc) override {
    Row(name, "map", absl::StrCat("{", absl::StrJoin(value, ", ", absl::PairFormatter(": ")), "}"),
        {}, doc);
  }

 protected:
  void BeginSection(absl::string_view name, absl::string_view doc) override {
    tables_.push_back({JoinKey(tables_[open_.back()].key, name), std::string(doc), ""});
    open_.push_back(tables_.size() - 1);
  }
  void EndSection() override { open_.pop_back(); }

 private:
  struct Table {
    std::string key;
    std::string doc;
    std::string rows;
  };

  void Row(absl::string_view name, absl::string_view type, absl::string_view value,
           const FieldLimits& limits, absl::string_view doc) {
    Table& table = tables_[open_.back()];
    absl::StrAppend(&table.rows, "| `", JoinKey(table.key, name), "` | ", type, " | `", value,
                    "` | ", LimitsText(limits), " | ", absl::StrReplaceAll(doc, {{"|", "\\|"}}),
                    " |\n");
  }

  std::vector<Table> tables_ = {{}};
  std::vector<size_t> open_ = {0};  // Indices into tables_.
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

}  // namespace armature
