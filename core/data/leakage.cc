#include "core/data/leakage.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/base/random.h"

namespace retraind::data {
namespace {

constexpr std::size_t kMostRows = 100000;
constexpr double kStandardErrors = 4;
constexpr std::uint64_t kSampleStream = 0x6c65616b;  // of the seed; not that of any other draw
constexpr std::uint64_t kHalvesStream = 0x68616c66;

// Labelled rows, in their order, at most kMostRows (Knuth's algorithm S).
std::vector<std::uint32_t> draw_rows(const Table& table, std::size_t begin, std::size_t end, std::uint64_t seed) {
  std::vector<std::uint32_t> rows;
  for (std::size_t i = begin; i < end; ++i) {
    if (!std::isnan(table.label.values[i])) rows.push_back(static_cast<std::uint32_t>(i));
  }
  if (rows.size() <= kMostRows) return rows;
  Random random(mix_seed(seed, kSampleStream));
  std::vector<std::uint32_t> drawn;
  drawn.reserve(kMostRows);
  for (std::size_t i = 0; drawn.size() < kMostRows; ++i) {
    if (random.below(rows.size() - i) < kMostRows - drawn.size()) drawn.push_back(rows[i]);
  }
  return drawn;
}

// Ranks from 1, the mean rank for ties. NaN ranks highest, all of them alike.
std::vector<double> mid_ranks(const std::vector<double>& values) {
  struct Place {
    double value;
    std::size_t row;
  };
  std::vector<Place> order;  // with the values, which would otherwise be fetched from all over the column
  order.reserve(values.size());
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (!std::isnan(values[row])) order.push_back({values[row], row});
  }
  std::sort(order.begin(), order.end(), [](const Place& a, const Place& b) { return a.value < b.value; });
  const auto mean_rank = [](std::size_t first, std::size_t last) { return static_cast<double>(first + 1 + last) / 2; };
  std::vector<double> ranks(values.size(), mean_rank(order.size(), values.size()));
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first + 1;
    while (last < order.size() && order[last].value == order[first].value) ++last;
    for (std::size_t i = first; i < last; ++i) ranks[order[i].row] = mean_rank(first, last);
    first = last;
  }
  return ranks;
}

// Pearson's, 0 where one side does not vary.
double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0;
  double aa = 0;
  double bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (aa == 0 || bb == 0) return 0;
  const double r = ab / std::sqrt(aa) / std::sqrt(bb);
  // What rounding took from a perfect one is given back, since a threshold may be 1.
  return std::fabs(r) > 1 - 1e-12 ? std::copysign(1.0, r) : r;
}

struct Best {
  double figure = 0;
  std::size_t label = 0;  // classification
};

// What all features are held against.
class Measure {
 public:
  Measure(const Table& table, std::vector<std::uint32_t> rows, Task task, std::uint64_t seed)
      : table_(table), rows_(std::move(rows)), task_(task) {
    for (const std::uint32_t row : rows_) labels_.push_back(table.label.values[row]);
    if (task_ == Task::regression) {
      labels_ = mid_ranks(labels_);
    } else {
      sizes_.resize(table.label.levels.size());
      for (const double label : labels_) sizes_[static_cast<std::size_t>(label)] += 1;
    }
    Random random(mix_seed(seed, kHalvesStream));
    for (std::size_t i = 0; i < rows_.size(); ++i) halves_.push_back(random.below(2) == 1);
  }

  std::size_t rows() const { return rows_.size(); }

  std::optional<Leak> leak_of(std::size_t feature, double threshold) const {
    const Column& column = table_.features[feature];
    Best best;
    if (const auto* numbers = std::get_if<NumberColumn>(&column.values)) {
      std::vector<double> values;
      for (const std::uint32_t row : rows_) values.push_back(numbers->values[row]);
      best = task_ == Task::regression ? correlation_of_numbers(values, threshold) : area_of_numbers(values, threshold);
    } else {
      const auto& categories = std::get<CategoryColumn>(column.values);
      std::vector<std::size_t> levels;
      for (const std::uint32_t row : rows_) levels.push_back(static_cast<std::size_t>(categories.codes[row] + 1));
      best = task_ == Task::regression ? correlation_of_levels(levels, categories.levels.size() + 1, threshold)
                                       : area_of_levels(levels, categories.levels.size() + 1, threshold);
    }
    if (best.figure < threshold || best.figure == 0) return std::nullopt;
    Leak leak;
    leak.feature = feature;
    leak.figure = best.figure;
    leak.rows = rows_.size();
    if (task_ != Task::regression) {
      leak.of_class = table_.label.levels[best.label];
      look_at_missing(column, best.label, threshold, leak);
    }
    return leak;
  }

 private:
  // The larger figure that is no chance; the last of equal classes, which for two is the one that counts as 1.
  void consider(double figure, double standard_error, double chance, std::size_t label, Best& best) const {
    if (figure - chance >= kStandardErrors * standard_error && figure >= best.figure) best = {figure, label};
  }
  // `area` is of a class.
  void consider_area(double area, std::size_t label, double threshold, Best& best) const {
    const double in = sizes_[label];
    const double out = static_cast<double>(rows_.size()) - in;
    if (area >= threshold) consider(area, std::sqrt((in + out + 1) / (12 * in * out)), 0.5, label, best);
  }
  void consider_correlation(double figure, double threshold, Best& best) const {
    const auto n = static_cast<double>(rows_.size());
    if (n > 1 && figure >= threshold) consider(figure, 1 / std::sqrt(n - 1), 0, 0, best);
  }
  bool has_both_sides(std::size_t label) const {
    return sizes_[label] > 0 && sizes_[label] < static_cast<double>(rows_.size());
  }

  // By the sums of ranks of all classes at once (Mann and Whitney 1947).
  Best area_of_numbers(const std::vector<double>& values, double threshold) const {
    const std::vector<double> ranks = mid_ranks(values);
    std::vector<double> sum_high(sizes_.size());  // missing values highest, as mid_ranks has them
    std::vector<double> missing(sizes_.size());
    double all_missing = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto label = static_cast<std::size_t>(labels_[i]);
      sum_high[label] += ranks[i];
      if (!std::isnan(values[i])) continue;
      missing[label] += 1;
      ++all_missing;
    }
    const double present = static_cast<double>(values.size()) - all_missing;
    Best best;
    for (std::size_t label = 0; label < sizes_.size(); ++label) {
      if (!has_both_sides(label)) continue;
      const double in = sizes_[label];
      const double out = static_cast<double>(values.size()) - in;
      // With the missing ones lowest, each of them falls by all present ones, and each of those rises by all missing.
      const double sum_low = sum_high[label] - missing[label] * present + (in - missing[label]) * all_missing;
      for (const double sum : {sum_high[label], sum_low}) {
        const double area = (sum - in * (in + 1) / 2) / (in * out);
        consider_area(std::max(area, 1 - area), label, threshold, best);
      }
    }
    return best;
  }

  Best correlation_of_numbers(std::vector<double> values, double threshold) const {
    Best best;
    consider_correlation(std::fabs(correlation(mid_ranks(values), labels_)), threshold, best);
    if (std::none_of(values.begin(), values.end(), [](double value) { return std::isnan(value); })) return best;
    for (double& value : values) {
      if (std::isnan(value)) value = -INFINITY;  // below the -FLT_MAX that stands for an infinity
    }
    consider_correlation(std::fabs(correlation(mid_ranks(values), labels_)), threshold, best);
    return best;
  }

  // How many rows of a half have a level and, of these, are of a class; by class and level, ascending.
  struct Cell {
    std::size_t label;
    std::size_t level;
    double rows;
  };
  std::vector<Cell> cells_of_half(const std::vector<std::size_t>& levels, bool half) const {
    std::vector<std::pair<std::size_t, std::size_t>> places;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      if (halves_[i] == half) places.emplace_back(static_cast<std::size_t>(labels_[i]), levels[i]);
    }
    std::sort(places.begin(), places.end());
    std::vector<Cell> cells;
    for (const auto& [label, level] : places) {
      if (cells.empty() || cells.back().label != label || cells.back().level != level)
        cells.push_back({label, level, 0});
      cells.back().rows += 1;
    }
    return cells;
  }

  // The area of each class in one half, rows ranked by the share that the class has of their level in the other half;
  // NaN where the class has all rows of the half or none. A level that the other half does not have ranks by the share
  // of the class in all of it.
  std::vector<double> areas_of_half(const std::vector<Cell>& measured, const std::vector<Cell>& taught,
                                    std::size_t levels) const {
    std::vector<double> measured_rows(levels);
    std::vector<double> taught_rows(levels);
    std::vector<double> positives(sizes_.size());
    std::vector<double> unseen(sizes_.size());  // rows of the class whose level was not taught
    double rows = 0;
    double all_taught = 0;
    for (const Cell& cell : taught) taught_rows[cell.level] += cell.rows, all_taught += cell.rows;
    for (const Cell& cell : measured) {
      measured_rows[cell.level] += cell.rows;
      positives[cell.label] += cell.rows;
      rows += cell.rows;
      if (taught_rows[cell.level] == 0) unseen[cell.label] += cell.rows;
    }
    const double all_unseen = std::accumulate(unseen.begin(), unseen.end(), 0.0);

    struct Tie {
      double share;
      double positives;
      double rows;
    };
    std::vector<double> areas(sizes_.size(), NAN);
    std::vector<Tie> ties;
    auto has = measured.begin();
    auto learned = taught.begin();
    for (std::size_t label = 0; label < sizes_.size(); ++label) {
      // Levels without the class among the taught rows are one tie, at a share of 0.
      Tie nothing{0, positives[label] - unseen[label], rows - all_unseen};
      double class_taught = 0;
      ties.clear();
      for (; learned != taught.end() && learned->label == label; ++learned) {
        while (has != measured.end() && has->label == label && has->level < learned->level) ++has;
        const bool here = has != measured.end() && has->label == label && has->level == learned->level;
        const Tie tie{learned->rows / taught_rows[learned->level], here ? has->rows : 0, measured_rows[learned->level]};
        ties.push_back(tie);
        nothing.positives -= tie.positives;
        nothing.rows -= tie.rows;
        class_taught += learned->rows;
      }
      while (has != measured.end() && has->label == label) ++has;
      if (positives[label] == 0 || positives[label] == rows || all_taught == 0) continue;
      ties.push_back(nothing);
      ties.push_back({class_taught / all_taught, unseen[label], all_unseen});
      std::sort(ties.begin(), ties.end(), [](const Tie& a, const Tie& b) { return a.share < b.share; });
      // A positive wins over the negatives of lower share, and half of those of its own.
      double won = 0;
      double negatives_below = 0;
      for (std::size_t first = 0; first < ties.size();) {
        double here = 0;
        double of_class = 0;
        std::size_t last = first;
        for (; last < ties.size() && ties[last].share == ties[first].share; ++last) {
          here += ties[last].rows;
          of_class += ties[last].positives;
        }
        won += of_class * (negatives_below + (here - of_class) / 2);
        negatives_below += here - of_class;
        first = last;
      }
      areas[label] = won / (positives[label] * (rows - positives[label]));
    }
    return areas;
  }

  Best area_of_levels(const std::vector<std::size_t>& levels, std::size_t count, double threshold) const {
    const std::vector<Cell> one = cells_of_half(levels, false);
    const std::vector<Cell> other = cells_of_half(levels, true);
    const std::vector<double> first = areas_of_half(one, other, count);
    const std::vector<double> second = areas_of_half(other, one, count);
    Best best;
    for (std::size_t label = 0; label < sizes_.size(); ++label) {
      const double area = (first[label] + second[label]) / 2;
      if (!std::isnan(area)) consider_area(area, label, threshold, best);
    }
    return best;
  }

  Best correlation_of_levels(const std::vector<std::size_t>& levels, std::size_t count, double threshold) const {
    double figure = 0;
    for (const bool half : {false, true}) {
      std::vector<double> sums(count);
      std::vector<double> taught(count);
      double all = 0;
      double sum = 0;
      for (std::size_t i = 0; i < levels.size(); ++i) {
        if (halves_[i] == half) continue;
        sums[levels[i]] += labels_[i];
        taught[levels[i]] += 1;
        sum += labels_[i];
        all += 1;
      }
      std::vector<double> scores;
      std::vector<double> labels;
      for (std::size_t i = 0; i < levels.size(); ++i) {
        if (halves_[i] != half) continue;
        const double rows = taught[levels[i]];
        scores.push_back(rows > 0 ? sums[levels[i]] / rows : all > 0 ? sum / all : 0);
        labels.push_back(labels_[i]);
      }
      if (labels.size() < 2) return {};
      figure += correlation(mid_ranks(scores), mid_ranks(labels)) / 2;
    }
    Best best;
    consider_correlation(figure, threshold, best);
    return best;
  }

  void look_at_missing(const Column& column, std::size_t label, double threshold, Leak& leak) const {
    double in = 0;
    double out = 0;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const std::size_t row = rows_[i];
      const auto* numbers = std::get_if<NumberColumn>(&column.values);
      const bool missing = numbers != nullptr ? std::isnan(numbers->values[row])
                                              : std::get<CategoryColumn>(column.values).codes[row] < 0;
      if (missing) (static_cast<std::size_t>(labels_[i]) == label ? in : out) += 1;
    }
    const double others = static_cast<double>(rows_.size()) - sizes_[label];
    const double area = 0.5 + (in / sizes_[label] - out / others) / 2;
    leak.by_missing = std::max(area, 1 - area) >= threshold;
    leak.null_means_class = area > 0.5;
  }

  const Table& table_;
  std::vector<std::uint32_t> rows_;
  Task task_;
  std::vector<double> labels_;  // codes; ranks for regression
  std::vector<double> sizes_;   // rows of each class
  std::vector<bool> halves_;
};

}  // namespace

std::vector<Leak> find_leaks(const Table& table, const std::vector<std::size_t>& which, std::size_t begin,
                             std::size_t end, Task task, double threshold, std::uint64_t seed) {
  std::vector<Leak> out;
  const Measure measure(table, draw_rows(table, begin, end, seed), task, seed);
  if (measure.rows() < 2) return out;
  for (const std::size_t feature : which) {
    if (auto leak = measure.leak_of(feature, threshold)) out.push_back(std::move(*leak));
  }
  return out;
}

}  // namespace retraind::data
