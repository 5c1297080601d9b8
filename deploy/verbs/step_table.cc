#include "deploy/verbs/step_table.h"

#include <algorithm>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace armature {
namespace {

constexpr int64_t kNumberWidth = 7;  // "-12.345"
constexpr int64_t kFixedWidth = 16;  // "   12   -0.1234"

int64_t ColumnWidth(const std::string& title, int64_t size) {
  const int64_t shown = std::min(size, StepTable::kElementsMax);
  const int64_t numbers = shown * (kNumberWidth + 1) - 1 + (shown < size ? 2 : 0);
  return std::max<int64_t>(static_cast<int64_t>(title.size()), numbers);
}

std::string Numbers(absl::Span<const float> values) {
  const int64_t shown = std::min<int64_t>(values.size(), StepTable::kElementsMax);
  std::string text = absl::StrJoin(
      values.subspan(0, shown), " ",
      [](std::string* out, float value) { absl::StrAppendFormat(out, "%7.3f", value); });
  if (shown < static_cast<int64_t>(values.size())) text += " .";
  return text;
}

std::string Bounds(const std::vector<double>& low, const std::vector<double>& high, int64_t size) {
  if (low.empty() && high.empty()) return "";
  const auto at = [](const std::vector<double>& bounds, int64_t i, double none) {
    if (bounds.empty()) return none;
    return bounds[bounds.size() == 1 ? 0 : i];
  };
  const double inf = std::numeric_limits<double>::infinity();
  std::vector<std::string> parts;
  for (int64_t i = 0; i < size; ++i) {
    parts.push_back(absl::StrFormat("[%g, %g]", at(low, i, -inf), at(high, i, inf)));
  }
  if (std::all_of(parts.begin(), parts.end(), [&](const auto& part) { return part == parts[0]; })) {
    return absl::StrCat(" in ", parts[0]);
  }
  const bool cut = size > StepTable::kElementsMax;
  if (cut) parts.resize(StepTable::kElementsMax);
  return absl::StrCat(" in ", absl::StrJoin(parts, " x "), cut ? " x ..." : "");
}

}  // namespace

std::string DescribeSpec(const EnvSpec& spec) {
  std::string text = absl::StrCat(spec.id, "\n");
  for (const FieldSpec& field : spec.observation) {
    absl::StrAppend(&text, "  observation   ", field.name, " ",
                    absl::AsciiStrToLower(v1::DType_Name(field.dtype).substr(6)), " [",
                    absl::StrJoin(field.shape, ", "), "]",
                    Bounds(field.low, field.high, field.size()), "\n");
  }
  if (spec.action.is_discrete()) {
    absl::StrAppend(&text, "  action        ", spec.action.ToString(), "\n");
  } else {
    absl::StrAppend(&text, "  action        float32 [", spec.action.size(), "]",
                    Bounds(spec.action.low, spec.action.high, spec.action.size()), "\n");
  }
  absl::StrAppend(&text, "  reward        in ",
                  absl::StrFormat("[%g, %g]", spec.reward_low, spec.reward_high), " a step",
                  spec.reports_success ? "; success is reported" : "", "\n");
  if (spec.goal.has_value()) {
    absl::StrAppend(&text, "  goal          ", spec.goal->achieved_field, " to reach ",
                    spec.goal->desired_field, "\n");
  }
  absl::StrAppend(&text, "  horizon       ",
                  spec.horizon > 0 ? absl::StrCat(spec.horizon, " steps") : std::string("none"),
                  absl::StrFormat(", %g s each\n", spec.control_period_s));
  if (spec.render.has_value()) {
    absl::StrAppend(&text, "  pictures      ", spec.render->width_px, " x ", spec.render->height_px,
                    " pixels\n");
  }
  return text;
}

StepTable::StepTable(const EnvSpec& spec, int64_t width) {
  std::vector<Column> wanted, others = {{"action", true, 0, spec.action.size(), 0}};
  int64_t begin = 0;
  for (const FieldSpec& field : spec.observation) {
    const bool of_goal = spec.goal.has_value() && (field.name == spec.goal->achieved_field ||
                                                   field.name == spec.goal->desired_field);
    (of_goal ? wanted : others).push_back({field.name, false, begin, field.size(), 0});
    begin += field.size();
  }
  wanted.insert(wanted.end(), others.begin(), others.end());
  int64_t left = width - kFixedWidth;
  for (Column& column : wanted) {
    column.width = ColumnWidth(column.title, column.size);
    if (column.width + 2 > left) continue;
    left -= column.width + 2;
    columns_.push_back(column);
  }
}

std::string StepTable::Header() const {
  std::string line = absl::StrFormat("%5s %10s", "step", "reward");
  for (const Column& column : columns_) {
    absl::StrAppendFormat(&line, "  %-*s", static_cast<int>(column.width), column.title);
  }
  return line;
}

std::string StepTable::Row(uint64_t step, double reward, absl::Span<const float> action,
                           absl::Span<const float> observation, absl::string_view ended) const {
  std::string line = step == 0 ? absl::StrFormat("%5d %10s", step, "")
                               : absl::StrFormat("%5d %10.4f", step, reward);
  for (const Column& column : columns_) {
    const std::string numbers =
        Numbers(column.is_action ? action : observation.subspan(column.begin, column.size));
    absl::StrAppendFormat(&line, "  %-*s", static_cast<int>(column.width), numbers);
  }
  if (!ended.empty()) absl::StrAppend(&line, "  ", ended);
  return line;
}

}  // namespace armature
