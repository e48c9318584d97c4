#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <stdexcept>

#include "core/base/error.h"
#include "core/stats/change.h"
#include "core/stats/memory_json.h"

namespace retraind::stats {
namespace {

namespace json = boost::json;

constexpr std::size_t kBucketsPerRow = 5;
constexpr std::uint64_t kClock = 32;
constexpr double kFewestRows = 5;  // on either side of a cut
constexpr double kFewestInWindow = 10;
constexpr std::size_t kMostRows = 60;  // rows of buckets, each of twice as many values as the one before
constexpr double kLargestValue = 1e100;

struct Bucket {
  double sum = 0;
  double spread = 0;  // squared distances from the bucket's own mean
};

// The spread of two groups together (Chan, Golub and LeVeque 1983).
double joint_spread(double m, double sum_m, double spread_m, double n, double sum_n, double spread_n) {
  const double apart = sum_m / m - sum_n / n;
  return spread_m + spread_n + apart * apart * (m * n / (m + n));
}

double values_in(std::size_t row) {
  return std::ldexp(1.0, static_cast<int>(row));
}

}  // namespace

struct Adwin::Impl {
  double delta = 0;
  std::uint64_t added = 0;
  bool rise = false;
  // Row r has buckets of 2^r values each, the oldest first; later rows are older.
  std::vector<std::vector<Bucket>> rows{1};
  double width = 0;
  double sum = 0;
  double spread = 0;

  double mean() const { return width > 0 ? sum / width : 0; }

  void insert(double value) {
    if (width > 0) spread = joint_spread(width, sum, spread, 1, value, 0);
    width += 1;
    sum += value;
    rows[0].push_back({value, 0});
    for (std::size_t r = 0; rows[r].size() > kBucketsPerRow; ++r) {
      if (r + 1 == rows.size()) rows.emplace_back();
      const Bucket a = rows[r][0];
      const Bucket b = rows[r][1];
      const double n = values_in(r);
      rows[r + 1].push_back({a.sum + b.sum, joint_spread(n, a.sum, a.spread, n, b.sum, b.spread)});
      rows[r].erase(rows[r].begin(), rows[r].begin() + 2);
    }
  }

  // The sums are made anew from the buckets: taking the dropped one off them would leave rounding errors for ever.
  void drop_oldest() {
    rows.back().erase(rows.back().begin());
    while (rows.size() > 1 && rows.back().empty()) rows.pop_back();
    width = sum = spread = 0;
    for (std::size_t r = rows.size(); r-- > 0;) {
      const double n = values_in(r);
      for (const Bucket& bucket : rows[r]) {
        spread = width > 0 ? joint_spread(width, sum, spread, n, bucket.sum, bucket.spread) : bucket.spread;
        width += n;
        sum += bucket.sum;
      }
    }
  }

  // Theorem 3.1 and section 4.1 of the paper, with ln(2 ln(W) / delta) as their own implementation has it.
  bool is_cut(double older, double older_sum) const {
    const double newer = width - older;
    if (older < kFewestRows || newer < kFewestRows) return false;
    const double log_term = std::log(2 * std::log(width) / delta);
    const double reciprocal = 1 / (older - kFewestRows + 1) + 1 / (newer - kFewestRows + 1);
    const double bound = std::sqrt(2 * reciprocal * (spread / width) * log_term) + 2.0 / 3 * log_term * reciprocal;
    return std::fabs(older_sum / older - (sum - older_sum) / newer) > bound;
  }

  bool has_cut() const {
    double older = 0;
    double older_sum = 0;
    for (std::size_t r = rows.size(); r-- > 0;) {
      for (const Bucket& bucket : rows[r]) {
        older += values_in(r);
        older_sum += bucket.sum;
        if (is_cut(older, older_sum)) return true;
      }
    }
    return false;
  }
};

Adwin::Adwin(double delta) : impl_(std::make_unique<Impl>()) {
  if (!(delta > 0 && delta < 1)) throw std::logic_error("adwin with a delta of " + std::to_string(delta));
  impl_->delta = delta;
}
Adwin::~Adwin() = default;
Adwin::Adwin(Adwin&&) noexcept = default;
Adwin& Adwin::operator=(Adwin&&) noexcept = default;

bool Adwin::add(double value) {
  if (!std::isfinite(value)) throw std::logic_error("adwin was given a value that is not finite");
  Impl& window = *impl_;
  window.insert(std::clamp(value, -kLargestValue, kLargestValue));
  ++window.added;
  if (window.added % kClock != 0 || window.width <= kFewestInWindow || !window.has_cut()) return false;
  const double width = window.width;
  const double sum = window.sum;
  do window.drop_oldest();
  while (window.has_cut());
  window.rise = window.mean() > (sum - window.sum) / (width - window.width);
  return true;
}

bool Adwin::last_cut_was_rise() const {
  return impl_->rise;
}
double Adwin::width() const {
  return impl_->width;
}
double Adwin::mean() const {
  return impl_->mean();
}

std::string Adwin::to_json() const {
  json::array rows;
  for (const std::vector<Bucket>& row : impl_->rows) {
    json::array buckets;
    for (const Bucket& bucket : row) {
      buckets.push_back(number_json(bucket.sum));
      buckets.push_back(number_json(bucket.spread));
    }
    rows.push_back(std::move(buckets));
  }
  json::object object;
  object["delta"] = number_json(impl_->delta);
  object["added"] = count_json(impl_->added);
  object["rise"] = impl_->rise;
  object["sum"] = number_json(impl_->sum);
  object["spread"] = number_json(impl_->spread);
  object["rows"] = std::move(rows);
  return json::serialize(object);
}

Adwin Adwin::from_json(std::string_view text) {
  const json::object object = parse_memory(text);
  const double delta = read_number(object, "delta");
  if (!(delta > 0 && delta < 1)) refuse_memory("its delta is outside (0, 1)");
  Adwin adwin(delta);
  Impl& window = *adwin.impl_;
  window.added = read_count(object, "added");
  window.rise = read_flag(object, "rise");
  window.sum = read_number(object, "sum");
  window.spread = read_number(object, "spread");
  if (window.spread < 0) refuse_memory("its spread is negative");
  const json::value* rows = object.if_contains("rows");
  if (rows == nullptr || !rows->is_array() || rows->get_array().empty() || rows->get_array().size() > kMostRows) {
    refuse_memory("its rows of buckets are missing, or too many");
  }
  window.rows.clear();
  for (const json::value& row : rows->get_array()) {
    if (!row.is_array() || row.get_array().size() % 2 != 0 || row.get_array().size() > 2 * kBucketsPerRow) {
      refuse_memory("a row of buckets has another number of buckets than it can have");
    }
    const json::array& numbers = row.get_array();
    std::vector<Bucket> buckets;
    for (std::size_t i = 0; i < numbers.size(); i += 2) {
      buckets.push_back({number_of(numbers[i], "rows"), number_of(numbers[i + 1], "rows")});
      if (buckets.back().spread < 0) refuse_memory("the spread of a bucket is negative");
      window.width += values_in(window.rows.size());
    }
    window.rows.push_back(std::move(buckets));
  }
  if (window.width > static_cast<double>(window.added)) refuse_memory("its window is wider than the stream");
  return adwin;
}

}  // namespace retraind::stats
