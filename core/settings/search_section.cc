#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/base/text.h"
#include "core/settings/sections.h"

namespace retraind::settings {
namespace {

// A grid beyond this is a slip, and its combinations are numbered.
constexpr std::uint64_t kMostCombinations = 1'000'000;
constexpr double kLargestShare = 0.5;

void read_share(TableReader& reader, double& out) {
  constexpr std::string_view kExpected = R"(a share above 0% and at most 50%, such as "20%")";
  const Entry* entry = reader.ask("share", std::string(kExpected), "\"20%\"");
  if (entry == nullptr) return;
  const auto* text = std::get_if<std::string>(&entry->node.value);
  const auto parsed = text == nullptr ? std::nullopt : parse_holdout(*text);
  const auto* share = parsed ? std::get_if<HoldoutShare>(&*parsed) : nullptr;
  if (share == nullptr || share->share > kLargestShare) {
    reader.complain("share", fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return;
  }
  out = share->share;
}

// 1 and 1.0 are one value to a trainer.
bool is_same(const Parameter& a, const Parameter& b) {
  const auto number = [](const Parameter& value) -> std::optional<double> {
    if (const auto* whole = std::get_if<std::int64_t>(&value)) return static_cast<double>(*whole);
    const auto* real = std::get_if<double>(&value);
    return real == nullptr ? std::nullopt : std::optional(*real);
  };
  const auto left = number(a);
  const auto right = number(b);
  return left && right ? *left == *right : a == b;
}

bool is_rounds(const Parameter& value) {
  const auto* rounds = std::get_if<std::int64_t>(&value);
  return rounds != nullptr && *rounds >= 1 && *rounds <= 100000;
}

// The values of one parameter; empty after a complaint.
std::vector<Parameter> read_values(TableReader& reader, const Entry& entry) {
  const std::string path = fmt::format("{}.{}", reader.path(), printable(entry.key));
  const auto* array = std::get_if<Node::Array>(&entry.node.value);
  if (array == nullptr || array->empty()) {
    const std::array<std::string, 2> known = {"trials", "share"};
    const auto near = nearest(entry.key, known);
    reader.complain_at(entry.node.place,
                       fmt::format("{}: expected an array of values to try, such as [4, 6], found {}{}", path,
                                   array == nullptr ? describe(entry.node) : "an empty one",
                                   near ? fmt::format("; did you mean '{}'?", *near) : ""));
    return {};
  }
  std::vector<Parameter> out;
  for (const Node& element : *array) {
    auto value = parameter(element);
    const bool fits = value && (entry.key != "rounds" || is_rounds(*value));
    if (!fits) {
      reader.complain_at(
          element.place,
          fmt::format("{}: expected {}, found {} in it", path,
                      entry.key == "rounds" ? "integers from 1 to 100000" : kParameterForm, describe(element)));
      return {};
    }
    const auto equals = [&](const Parameter& other) { return is_same(other, *value); };
    if (std::any_of(out.begin(), out.end(), equals)) {
      reader.complain_at(element.place, fmt::format("{}: {} stands in it twice", path, describe(element)));
      return {};
    }
    out.push_back(std::move(*value));
  }
  return out;
}

}  // namespace

void read_search(TableReader& training, const std::optional<std::string>& trainer, const Training& of,
                 std::optional<Search>& out) {
  auto reader = training.table("search");
  if (!reader) return;
  const std::size_t complaints = reader->complaints_so_far();
  Search search;
  reader->integer("trials", search.trials, {1, 1000});
  read_share(*reader, search.share);
  std::uint64_t combinations = 1;
  for (const Entry& entry : reader->entries()) {
    if (entry.key == "trials" || entry.key == "share") continue;
    const std::string path = fmt::format("{}.{}", reader->path(), printable(entry.key));
    const std::string_view instead = instead_of_parameter(entry.key);
    const bool is_fixed = entry.key == "rounds" ? training.has("rounds") : of.params.contains(entry.key);
    if (trainer == "xgboost" && !instead.empty()) {
      const bool counts_rounds = entry.key == "num_round" || entry.key == "n_estimators";
      reader->complain_at(entry.place, fmt::format("{}: retraind sets this parameter itself; {}", path,
                                                   counts_rounds ? "search `rounds` instead" : instead));
      continue;
    }
    if (is_fixed) {
      reader->complain_at(entry.place,
                          fmt::format("{}: has a fixed value in {} already; leave it out in one of the two", path,
                                      entry.key == "rounds" ? "[training]" : "params"));
      continue;
    }
    std::vector<Parameter> values = read_values(*reader, entry);
    combinations = std::min(combinations * values.size(), kMostCombinations + 1);
    search.params[entry.key] = std::move(values);
  }
  if (reader->complaints_so_far() != complaints) return;
  if (search.params.empty()) {
    reader->complain_at(reader->place(), fmt::format("{}: needs at least one parameter with the values to try, such as "
                                                     "max_depth = [4, 6]",
                                                     reader->path()));
  } else if (combinations > kMostCombinations) {
    reader->complain_at(reader->place(), fmt::format("{}: there are more than {} combinations of these values",
                                                     reader->path(), kMostCombinations));
  } else {
    out = std::move(search);
  }
}

}  // namespace retraind::settings
