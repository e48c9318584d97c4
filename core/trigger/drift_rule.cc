// The dataset rule: which columns must have drifted for the whole to count as drift.

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <string>
#include <vector>

#include "core/trigger/finding.h"
#include "core/trigger/wording.h"

namespace retraind::trigger {
namespace {

namespace json = boost::json;
using stats::ColumnDrift;
using stats::ColumnVerdict;

// A column has surely come back below this part of its threshold.
constexpr double kComeBack = 0.7;
// Sums of shares that should be .3 may miss it by their rounding.
constexpr double kRounding = 1e-9;
// Where the judged features have less of the importance, finding nothing says nothing.
constexpr double kJudgedAtLeast = 0.5;
constexpr std::size_t kColumnsNamed = 3;  // in a sentence; the evidence has them all

bool was_judged(const ColumnDrift& column) {
  return column.verdict != ColumnVerdict::insufficient_data;
}
bool has_drifted(const ColumnDrift& column) {
  return column.verdict == ColumnVerdict::drifted;
}
// Drifted, or not surely back.
bool lingers(const ColumnDrift& column) {
  if (!was_judged(column)) return false;
  return has_drifted(column) || (column.effect > 0 && !(column.effect < kComeBack * column.threshold));
}

double importance_of(const ColumnDrift& column) {
  return std::isfinite(column.importance) ? std::max(column.importance, 0.0) : 0.0;
}

// What a column is called where it counts for itself, apart from its importance.
std::string_view special_name(ColumnRole role) {
  if (role == ColumnRole::score) return "the score";
  return role == ColumnRole::label ? "the label" : "";
}

struct Weights {
  explicit Weights(const std::vector<ColumnDrift>& columns) {
    for (const ColumnDrift& column : columns) {
      if (column.role != ColumnRole::feature) continue;
      ++features;
      total += importance_of(column);
    }
    for (const ColumnDrift& column : columns) {
      if (column.role == ColumnRole::feature && was_judged(column)) judged += share_of(column);
    }
  }
  // Of all features together. Without importances every feature counts alike.
  double share_of(const ColumnDrift& column) const {
    if (total > 0) return importance_of(column) / total;
    return 1 / static_cast<double>(features);
  }

  std::size_t features = 0;
  double total = 0;
  double judged = 0;
};

// The rule, for those columns that `counts` calls changed.
struct Dataset {
  template <class Counts>
  Dataset(const settings::DriftTrigger& rule, const std::vector<ColumnDrift>& columns, const Weights& weights,
          Counts counts) {
    double sum = 0;
    for (const ColumnDrift& column : columns) {
      if (!counts(column)) continue;
      if (column.role == ColumnRole::feature) {
        ++features;
        sum += weights.share_of(column);
        if (weights.share_of(column) >= rule.important - kRounding) decisive.push_back(column.column);
      } else if (column.role == ColumnRole::label || (column.role == ColumnRole::score && rule.score)) {
        const std::string_view name = special_name(column.role);
        if (std::find(special.begin(), special.end(), name) == special.end()) special.emplace_back(name);
      }
    }
    share = sum;
    by_share = features > 0 && share >= rule.share - kRounding;
  }
  bool holds() const { return by_share || !decisive.empty() || !special.empty(); }

  std::size_t features = 0;
  double share = 0;  // of the importance of all features, judged or not
  bool by_share = false;
  std::vector<std::string> decisive;  // features that are important enough by themselves
  std::vector<std::string> special;
};

std::string_view effect_name(DriftMethod method) {
  switch (method) {
    case DriftMethod::jensen_shannon:
    case DriftMethod::ks:
    case DriftMethod::wasserstein:
    case DriftMethod::hellinger:
      return "distance";
    case DriftMethod::chi_square:
      return "effect";
    case DriftMethod::psi:
      return "psi";
    case DriftMethod::null_rate:
      return "change of the null share";
    case DriftMethod::unseen:
      return "unseen share";
    case DriftMethod::out_of_range:
      return "share out of range";
  }
  return "effect";
}

// Columns that decide for themselves first, then the weightiest and then the largest effect, so that the first name is
// the first place to look at.
std::string names_of(std::vector<const ColumnDrift*> drifted, const Weights& weights) {
  std::stable_sort(drifted.begin(), drifted.end(), [&](const auto* a, const auto* b) {
    const bool special_a = a->role != ColumnRole::feature;
    const bool special_b = b->role != ColumnRole::feature;
    if (special_a != special_b) return special_a;
    if (!special_a && weights.share_of(*a) != weights.share_of(*b)) return weights.share_of(*a) > weights.share_of(*b);
    return a->effect / std::max(a->threshold, 1e-12) > b->effect / std::max(b->threshold, 1e-12);
  });
  std::string out;
  for (std::size_t i = 0; i < std::min(drifted.size(), kColumnsNamed); ++i) {
    const ColumnDrift& column = *drifted[i];
    out += (i == 0 ? "" : ", ") + column.column + " (" + std::string(effect_name(column.method)) + " " +
           brief(column.effect) + ", more than " + brief(column.threshold) + ")";
  }
  if (drifted.size() > kColumnsNamed) out += " and " + std::to_string(drifted.size() - kColumnsNamed) + " more";
  return out;
}

json::object column_evidence(const ColumnDrift& column, const Weights& weights) {
  json::object out{{"column", column.column},
                   {"role", to_text(column.role)},
                   {"method", to_text(column.method)},
                   {"effect", number_or_null(column.effect)},
                   {"effect_low", number_or_null(column.effect_low)},
                   {"effect_high", number_or_null(column.effect_high)},
                   {"threshold", number_or_null(column.threshold)},
                   {"p_value", number_or_null(column.p_value)},
                   {"log_p", number_or_null(column.log_p)},
                   {"calibration", to_text(column.calibration)},
                   {"sentence", column.sentence}};
  if (column.role == ColumnRole::feature) out["importance"] = number_or_null(weights.share_of(column));
  return out;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : ", ") + part;
  return out;
}

// Which part of the rule decided.
std::string why(const settings::DriftTrigger& rule, const Dataset& dataset, const Weights& weights) {
  std::vector<std::string> parts;
  const std::string measure = weights.total > 0 ? "of the importance" : "of the features";
  if (dataset.by_share)
    parts.push_back(percent(dataset.share) + " " + measure + ", " + percent(rule.share) + " is enough");
  if (!dataset.decisive.empty() && !dataset.by_share) {
    parts.push_back(dataset.decisive.front() + " alone is important enough");
  }
  for (const std::string& special : dataset.special) parts.push_back(special + " decides by itself");
  return joined(parts);
}

// "of 7 features", "of 7 features, of which 2 could not be judged,"
std::string of_features(std::size_t features, std::size_t judged) {
  std::string out = "of " + counted(features, "feature");
  if (judged < features) out += ", of which " + grouped(features - judged) + " could not be judged,";
  return out;
}

// Which features nothing could be said about, with the first one's own reason.
std::string not_judged(const DriftObservation& seen, const Weights& weights, std::size_t judged) {
  std::string out;
  if (judged == 0) {
    out = "none of " + counted(weights.features, "feature") + " could be judged on " + counted(seen.rows, "row");
  } else {
    out = grouped(weights.features - judged) + " of " + counted(weights.features, "feature") + ", with " +
          percent(1 - weights.judged) + (weights.total > 0 ? " of the importance" : " of all") +
          ", could not be judged on " + counted(seen.rows, "row");
  }
  const auto first = std::find_if(seen.columns.begin(), seen.columns.end(), [](const ColumnDrift& column) {
    return column.role == ColumnRole::feature && !was_judged(column);
  });
  if (first != seen.columns.end() && !first->sentence.empty()) out += "; " + first->column + ": " + first->sentence;
  return out;
}

}  // namespace

Finding find(const settings::DriftTrigger& rule, const DriftObservation& seen, const ModelContext& context) {
  Finding finding;
  const Weights weights(seen.columns);
  const Dataset drifted(rule, seen.columns, weights, has_drifted);
  const Dataset lingering(rule, seen.columns, weights, lingers);

  json::array changed;
  std::vector<const ColumnDrift*> named;
  std::uint64_t judged = 0;
  std::size_t judged_features = 0;
  for (const ColumnDrift& column : seen.columns) {
    if (was_judged(column)) {
      ++judged;
      if (column.role == ColumnRole::feature) ++judged_features;
    }
    if (!has_drifted(column)) continue;
    changed.push_back(column_evidence(column, weights));
    if (column.role != ColumnRole::time && (column.role != ColumnRole::score || rule.score)) named.push_back(&column);
  }
  finding.evidence = {{"rows", seen.rows},
                      {"columns", seen.columns.size()},
                      {"judged", judged},
                      {"judged_share", number_or_null(weights.judged)},
                      {"min_effect", rule.min_effect},
                      {"share", number_or_null(drifted.share)},
                      {"share_threshold", rule.share},
                      {"important_threshold", rule.important},
                      {"weighted", weights.total > 0},
                      {"calibration", seen.calibration},
                      {"drifted", std::move(changed)}};

  if (!context.has_production || seen.columns.empty()) {
    finding.holds = Holds::cannot_tell;
    finding.cause = "no_production";
    finding.sentence = "there is no production model to compare with";
  } else if (drifted.holds()) {
    finding.holds = Holds::yes;
    finding.sentence = "drift in " + grouped(drifted.features) + " " + of_features(weights.features, judged_features) +
                       " over " + counted(seen.rows, "row") + " (" + why(rule, drifted, weights) +
                       "): " + names_of(std::move(named), weights);
    if (!seen.calibration.empty()) finding.sentence += "; " + seen.calibration;
  } else if (judged_features == 0 || weights.judged < kJudgedAtLeast - kRounding) {
    finding.holds = Holds::cannot_tell;
    finding.cause = judged_features == 0 ? "rows" : "insufficient_data";
    finding.sentence = not_judged(seen, weights, judged_features);
  } else if (lingering.holds()) {
    finding.holds = Holds::between;
  }
  return finding;
}

}  // namespace retraind::trigger
