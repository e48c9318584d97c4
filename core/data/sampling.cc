#include "core/data/sampling.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <span>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/base/text.h"

namespace retraind::data {
namespace {

// Which rows of the larger class are kept must have nothing to do with which rows were read at all: by one stream of
// random numbers, a window sampled to a tenth would lose none of its rows to keep_majority = 0.1.
constexpr std::uint64_t kMajorityStream = 0x6d616a6f72697479;  // "majority"

void require_share(double share) {
  if (!(share > 0 && share <= 1)) throw std::logic_error("a share of rows outside (0, 1]");
}

// These rows of a batch, in memory that is used again for the next one. Texts still point into the memory of `from`.
void pick_rows(const Batch& from, const std::vector<std::uint32_t>& rows, Batch& to) {
  const auto pick = [&rows](const auto& all, auto& picked) {
    picked.clear();
    if (all.empty()) return;
    for (const std::uint32_t row : rows) picked.push_back(all[row]);
  };
  to.rows = rows.size();
  to.columns.resize(from.columns.size());
  for (std::size_t c = 0; c < from.columns.size(); ++c) {
    to.columns[c].type = from.columns[c].type;
    pick(from.columns[c].nulls, to.columns[c].nulls);
    pick(from.columns[c].numbers, to.columns[c].numbers);
    pick(from.columns[c].texts, to.columns[c].texts);
  }
  pick(from.row_keys, to.row_keys);
}

std::string rows_text(std::size_t rows) {
  return std::to_string(rows) + (rows == 1 ? " row" : " rows");
}

// What rows [begin, end) are of and count for by themselves, and what has been decided about them so far.
class Choice {
 public:
  Choice(const Table& table, std::size_t begin, std::size_t end, const Preparation& preparation)
      : table_(table), begin_(begin), preparation_(preparation), labels_(preparation.labels(table, begin, end)) {
    if (preparation.task() != Task::regression) {
      for (const double label : labels_) {
        if (!(label >= 0)) throw std::logic_error("a row to train on whose class was not there when it was prepared");
      }
    }
    kept_.assign(labels_.size(), true);
    factors_.assign(preparation.classes().size(), 1.0);
    if (!table.weights.empty()) weights_ = std::span(table.weights).subspan(begin, end - begin);
  }

  // Drops rows of the larger class. What is left of it counts for as much as all of it did, so that the shares of the
  // classes stay exactly what they were.
  void keep_majority(double share, std::uint64_t seed) {
    if (preparation_.task() != Task::binary) throw std::logic_error("keep_majority is for the task binary");
    const auto positives = static_cast<std::size_t>(std::count(labels_.begin(), labels_.end(), 1.0));
    const std::size_t larger = 2 * positives > labels_.size() ? 1 : 0;
    const std::size_t rows = larger == 1 ? positives : labels_.size() - positives;
    double all = 0;
    double left = 0;
    std::size_t rows_left = 0;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (class_of(i) != larger) continue;
      all += weight(i);
      kept_[i] = is_sampled(table_.row_keys[begin_ + i], mix_seed(seed, kMajorityStream), share);
      if (!kept_[i]) continue;
      left += weight(i);
      ++rows_left;
    }
    if (!(left > 0) && all > 0) {
      throw DataError("keep_majority = " + format_number(share) + " leaves " +
                          (rows_left == 0 ? "none" : "only rows of weight 0") + " of the " + rows_text(rows) +
                          " of the class \"" + preparation_.classes()[larger] + "\"",
                      "raise training.keep_majority, or widen the training window");
    }
    if (left > 0) factors_[larger] *= all / left;
    weighed_ = true;
  }

  void balance() {
    std::vector<double> sums(factors_.size(), 0.0);
    double all = 0;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      sums[class_of(i)] += weight(i);
      all += weight(i);
    }
    for (std::size_t k = 0; k < sums.size(); ++k) {
      if (sums[k] > 0) factors_[k] *= all / (static_cast<double>(sums.size()) * sums[k]);
    }
    weighed_ = true;
  }

  void weigh(const std::map<std::string, double>& given) {
    const std::vector<std::string>& classes = preparation_.classes();
    for (const auto& [name, factor] : given) {
      const auto found = std::find(classes.begin(), classes.end(), name);
      if (found == classes.end()) {
        const auto meant = nearest(name, classes);
        throw DataError(
            "training.class_weights names the class \"" + name + "\", which no row to train on has",
            meant ? "did you mean \"" + *meant + "\"?" : "name a class as its label is spelled, or leave it out");
      }
      if (!(factor >= 0) || std::isinf(factor))
        throw std::logic_error("a class weight that is negative, or not finite");
      factors_[static_cast<std::size_t>(found - classes.begin())] *= factor;
    }
    weighed_ = true;
  }

  TrainingRows finish() const {
    TrainingRows out;
    bool counts = false;
    for (std::size_t i = 0; i < labels_.size(); ++i) {
      if (!kept_[i]) {
        ++out.left_out;
        continue;
      }
      const double whole = weight(i) * (factors_.empty() ? 1.0 : factors_[class_of(i)]);
      if (whole > static_cast<double>(FLT_MAX)) refuse(i, whole);
      out.rows.push_back(static_cast<std::uint32_t>(begin_ + i));
      if (weighed_ || !weights_.empty()) out.weights.push_back(static_cast<float>(whole));
      counts = counts || static_cast<float>(whole) > 0;
    }
    if (!counts) {
      throw DataError("there is nothing to train on: all " + rows_text(labels_.size()) + " weigh 0",
                      weighed_ ? "check training.class_weights and the weight column, or widen the training window"
                               : "check the weight column, or widen the training window");
    }
    return out;
  }

 private:
  std::size_t class_of(std::size_t i) const { return static_cast<std::size_t>(labels_[i]); }
  double weight(std::size_t i) const { return weights_.empty() ? 1.0 : weights_[i]; }

  [[noreturn]] void refuse(std::size_t i, double whole) const {
    const bool own = weight(i) > static_cast<double>(FLT_MAX);
    throw DataError("the weight at " + format_event_time(table_.axis, table_.event_times[begin_ + i]) + " is " +
                        format_number(own ? weight(i) : whole) + (own ? "" : " with that of its class") +
                        ", more than a 4-byte float holds",
                    own ? "divide the weights in the query, for example by their mean"
                        : "lower training.class_weights, or divide the weights in the query");
  }

  const Table& table_;
  std::size_t begin_;
  const Preparation& preparation_;
  std::vector<double> labels_;
  std::vector<bool> kept_;
  std::vector<double> factors_;  // by class; empty for regression
  std::span<const double> weights_;
  bool weighed_ = false;  // something else than the table's own weights counts
};

}  // namespace

bool is_sampled(std::uint64_t row_key, std::uint64_t seed, double share) {
  require_share(share);
  // 53 bits of it, which a double holds exactly. The seed is mixed first: otherwise a key would fare under one seed as
  // its neighbour does under another.
  return static_cast<double>(mix_seed(mix_seed(seed, 0), row_key) >> 11) * 0x1p-53 < share;
}

SamplingSink::SamplingSink(BatchSink& next, std::uint64_t seed, double share)
    : next_(next), seed_(seed), share_(share) {
  require_share(share);
}

void SamplingSink::consume(const Batch& batch) {
  if (batch.row_keys.size() != batch.rows) throw std::logic_error("rows to sample that carry no keys");
  std::vector<std::uint32_t> rows;
  rows.reserve(batch.rows);
  for (std::size_t i = 0; i < batch.rows; ++i) {
    if (is_sampled(batch.row_keys[i], seed_, share_)) rows.push_back(static_cast<std::uint32_t>(i));
  }
  kept_ += rows.size();
  if (rows.empty()) return;
  if (rows.size() == batch.rows) {
    next_.consume(batch);
    return;
  }
  pick_rows(batch, rows, batch_);
  next_.consume(batch_);
}

TrainingRows choose_training_rows(const Table& table, std::size_t begin, std::size_t end,
                                  const Preparation& preparation, const settings::Training& training) {
  if (begin > end || end > table.rows) throw std::logic_error("rows to choose from that the table does not have");
  const bool by_class = !std::holds_alternative<std::monostate>(training.class_weights);
  if (by_class && preparation.task() == Task::regression) throw std::logic_error("class weights need classes");
  Choice choice(table, begin, end, preparation);
  // Balance before rows are dropped or after: the sums of weights are the same.
  if (std::holds_alternative<settings::ClassWeightsBalanced>(training.class_weights)) choice.balance();
  if (const auto* given = std::get_if<std::map<std::string, double>>(&training.class_weights)) choice.weigh(*given);
  if (training.keep_majority < 1) {
    if (table.row_keys.size() != table.rows) throw std::logic_error("rows to sample that carry no keys");
    choice.keep_majority(training.keep_majority, training.seed);
  }
  return choice.finish();
}

}  // namespace retraind::data
