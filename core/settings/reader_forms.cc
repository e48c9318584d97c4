// The values of a table that are short texts with a form of their own (forms.h), and pairs of numbers.

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/settings/reader.h"

namespace retraind::settings {
namespace {

constexpr std::string_view kWindowForms = R"(a window such as "28d", "5000 rows" or "all")";
constexpr std::string_view kHoldoutForms = R"(a share such as "20%" or a duration such as "7d")";
constexpr std::string_view kSinceForms =
    R"(a date such as "2024-01-01", an instant such as "2024-01-01 06:30:00+01", or a number)";
constexpr std::string_view kClusterForms = R"("auto", "row", a duration such as "1d", "200 rows", or a column's name)";
constexpr std::string_view kSeasonForms = R"("auto", "none", "day", "week", "year" or a duration such as "12h")";
constexpr std::string_view kBudgetForms = R"(from 1 to 1000 alarms in a duration, such as "1 per 90d")";
constexpr std::string_view kRangeForms = "two numbers, the lower one first, such as [0.2, 0.8]";

template <class Form>
std::optional<Form> text_form(const Entry& entry, std::optional<Form> (*parse_form)(std::string_view)) {
  const auto* text = std::get_if<std::string>(&entry.node.value);
  return text == nullptr ? std::nullopt : parse_form(*text);
}

}  // namespace

bool TableReader::window(std::string_view key, Window& out) {
  const Entry* entry = ask(key, std::string(kWindowForms), quoted(format_window(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_window);
  if (!value) return reject(*entry, kWindowForms);
  out = *value;
  return true;
}

bool TableReader::holdout(std::string_view key, Holdout& out) {
  const Entry* entry = ask(key, std::string(kHoldoutForms), quoted(format_holdout(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_holdout);
  if (!value) return reject(*entry, kHoldoutForms);
  out = *value;
  return true;
}

bool TableReader::since(std::string_view key, std::optional<Since>& out) {
  const Entry* entry = ask(key, std::string(kSinceForms), "");
  if (entry == nullptr) return false;
  if (const auto number = finite_number(entry->node)) {
    out = Since{.axis = TimeAxis::number, .from = *number};
    return true;
  }
  const auto instant = text_form(*entry, parse_instant);
  if (!instant) return reject(*entry, kSinceForms);
  out = Since{.axis = TimeAxis::instant, .from = to_event_time(*instant)};
  return true;
}

bool TableReader::cluster(std::string_view key, Cluster& out) {
  const Entry* entry = ask(key, std::string(kClusterForms), quoted(format_cluster(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_cluster);
  if (!value) return reject(*entry, kClusterForms);
  out = *value;
  return true;
}

bool TableReader::season(std::string_view key, Season& out) {
  const Entry* entry = ask(key, std::string(kSeasonForms), quoted(format_season(out)));
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_season);
  if (!value) return reject(*entry, kSeasonForms);
  out = *value;
  return true;
}

bool TableReader::alarm_budget(std::string_view key, std::optional<AlarmBudget>& out) {
  const Entry* entry = ask(key, std::string(kBudgetForms), out ? quoted(format_alarm_budget(*out)) : "");
  if (entry == nullptr) return false;
  const auto value = text_form(*entry, parse_alarm_budget);
  if (!value) return reject(*entry, kBudgetForms);
  out = value;
  return true;
}

bool TableReader::range(std::string_view key, std::optional<std::pair<double, double>>& out) {
  const Entry* entry = ask(key, std::string(kRangeForms), "");
  if (entry == nullptr) return false;
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr || array->size() != 2) return reject(*entry, kRangeForms);
  const auto low = finite_number(array->front());
  const auto high = finite_number(array->back());
  if (!low || !high) {
    const Node& wrong = low ? array->back() : array->front();
    complain_at(wrong.place, fmt::format("{}: expected {}, found {} in it", full(key), kRangeForms, describe(wrong)));
    return false;
  }
  if (*low >= *high) {
    complain(key, fmt::format("expected {}, found [{}, {}]", kRangeForms, format_number(*low), format_number(*high)));
    return false;
  }
  out = {*low, *high};
  return true;
}

bool TableReader::hold(std::string_view key, Patience& out) {
  const std::string expected = fmt::format(
      R"(a number of checks from 1 to {}, some of them such as "2 of 3", or a duration such as "1h")", kMostChecks);
  const Entry* entry = ask(key, expected, std::to_string(out.checks));
  if (entry == nullptr) return false;
  if (const auto* checks = std::get_if<std::int64_t>(&entry->node.value)) {
    if (*checks < 1 || *checks > kMostChecks) return reject(*entry, expected);
    out.checks = out.of = static_cast<int>(*checks);
    return true;
  }
  if (const auto some = text_form(*entry, parse_checks_of)) {
    out.checks = some->checks;
    out.of = some->of;
    return true;
  }
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const auto time = text == nullptr ? std::nullopt : parse_duration(*text);
  if (!time || *time <= Duration::zero() || *time > kLongest) return reject(*entry, expected);
  out.hold = *time;
  return true;
}

}  // namespace retraind::settings
