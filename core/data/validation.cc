#include "core/data/validation.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "core/base/text.h"
#include "core/data/leakage.h"
#include "core/data/sql_text.h"
#include "core/data/value_checks.h"

namespace retraind::data {
namespace {

// A NULL of a NumberColumn.
constexpr float kNull = std::numeric_limits<float>::quiet_NaN();

// Several rules hold numbers that are no feature as doubles.
Column number_column(const std::string& name, const std::vector<double>& values) {
  NumberColumn numbers;
  for (const double value : values) numbers.values.push_back(std::isnan(value) ? kNull : to_float(value));
  return {name, "", ValueType::number, std::move(numbers)};
}

// The label as a column: regression by value; classes by their text, or by value where bounds ask for numbers.
Column label_column(const LabelColumn& label, Task task, bool as_numbers) {
  if (task == Task::regression) return number_column(label.name, label.values);
  if (as_numbers) {
    std::vector<double> levels;
    for (const std::string& level : label.levels) {
      double value = std::numeric_limits<double>::quiet_NaN();
      std::from_chars(level.data(), level.data() + level.size(), value);
      levels.push_back(value);
    }
    std::vector<double> values;
    for (const double code : label.values) {
      values.push_back(std::isnan(code) ? code : levels[static_cast<std::size_t>(code)]);
    }
    return number_column(label.name, values);
  }
  CategoryColumn categories{{}, label.levels};
  for (const double code : label.values) {
    categories.codes.push_back(std::isnan(code) ? -1 : static_cast<std::int32_t>(code));
  }
  return {label.name, "", ValueType::category, std::move(categories)};
}

bool is_labelled(const Table& table, std::size_t row) {
  return !std::isnan(table.label.values[row]);
}

class RowValidation {
 public:
  RowValidation(const Table& table, const Split& split, const settings::Model& model,
                const std::optional<Expectation>& expectation, const EventRange& range)
      : table_(table),
        split_(split),
        model_(model),
        expectation_(expectation),
        range_(range),
        sql_(model, table.axis, range) {}

  void check_row_count() {
    const settings::DataRules& rules = model_.data;
    std::uint64_t labelled_here = 0;
    for (std::size_t i = 0; i < table_.rows; ++i) labelled_here += is_labelled(table_, i) ? 1 : 0;
    const std::uint64_t labelled = of_all(labelled_here);
    if (rules.min_rows && labelled < *rules.min_rows) {
      Finding& finding = add(FindingKind::value, "min_rows", "");
      finding.rows = labelled;
      finding.observed = static_cast<double>(labelled);
      finding.threshold = static_cast<double>(*rules.min_rows);
      finding.sentence = fmt::format("the window holds {}{} with a label, and min_rows wants {}", about(),
                                     rows_text(labelled), *rules.min_rows);
    }
    if (!rules.max_row_change || !expectation_ || expectation_->last_rows == 0) return;
    const std::uint64_t rows = of_all(table_.rows);
    const auto last = static_cast<double>(expectation_->last_rows);
    const double change = std::fabs(static_cast<double>(rows) - last) / last;
    if (!(change > *rules.max_row_change)) return;
    Finding& finding = add(FindingKind::value, "row_change", "");
    finding.rows = rows;
    finding.observed = change;
    finding.threshold = *rules.max_row_change;
    finding.sentence = fmt::format(
        "the window holds {}{}, {} {} than the {} of the last run that was judged, and max_row_change lets {} pass",
        about(), rows_text(rows), percent(change), static_cast<double>(rows) < last ? "fewer" : "more",
        expectation_->last_rows, percent(*rules.max_row_change));
  }

  void check_age(TimePoint now) {
    const Duration max_age = model_.data.max_age;
    if (max_age <= Duration::zero()) return;
    if (table_.axis != TimeAxis::instant) {
      cannot_look("max_age", "",
                  fmt::format("max_age cannot be looked at: the time column {} counts in numbers, which have no age",
                              quoted_name(model_.time_column)));
      return;
    }
    std::optional<EventTime> newest;
    for (std::size_t i = 0; i < table_.rows; ++i) {
      if (is_labelled(table_, i) && (!newest || table_.event_times[i] > *newest)) newest = table_.event_times[i];
    }
    const std::string bound = format_duration(max_age);
    const std::string query = sql_.rows(quoted_name(model_.label) + " IS NOT NULL", true);
    if (!newest) {
      Finding& finding = add(FindingKind::value, "max_age", "");
      finding.threshold = static_cast<double>(max_age.count()) / 1e6;
      finding.sentence = fmt::format("no row of the window has a label, and max_age wants one of the last {}", bound);
      return;
    }
    const Duration age = now - to_instant(*newest) - model_.label_delay;
    if (age <= max_age) return;
    Finding& finding = add(FindingKind::value, "max_age", "");
    finding.observed = static_cast<double>(age.count()) / 1e6;  // seconds
    finding.threshold = static_cast<double>(max_age.count()) / 1e6;
    const std::string delay = model_.label_delay == Duration::zero()
                                  ? ""
                                  : fmt::format(" after its label_delay of {}", format_duration(model_.label_delay));
    // Nobody reads the microseconds of an age, but one that is over by less than a second must not look equal.
    const Duration shown =
        age - max_age < std::chrono::seconds(1) ? age : std::chrono::floor<std::chrono::seconds>(age);
    finding.sentence = fmt::format("the newest row with a label is of {}, {} ago{}, and max_age is {}",
                                   format_event_time(table_.axis, *newest), format_duration(shown), delay, bound);
    finding.query = query;
  }

  void check_values() {
    for (const auto& [name, rule] : model_.data.columns) {
      if (!rule.max_null_share && !rule.min && !rule.max && !rule.allowed) continue;
      std::optional<Column> made;
      const Column* column = find(name, rule.min || rule.max, made);
      if (column == nullptr) {
        Finding& finding = add(FindingKind::schema, "not_read", name);
        finding.sentence = fmt::format(
            "the data rules of {} say what values the column {} may hold, and its values are not read: list it in "
            "`features`, or keep only the rule of its type",
            model_.name, quoted_name(name));
        continue;
      }
      const ValueCheck what{table_, *column, sql_};
      add(check_nulls(what, rule.max_null_share, std::nullopt, 0));
      add(check_range(what, rule.min, rule.max));
      if (rule.allowed) add(check_allowed(what, *rule.allowed));
    }
    check_learned_nulls();
  }

  void check_unique() {
    const std::vector<std::string>& unique = model_.data.unique;
    if (unique.empty() || table_.rows == 0) return;
    std::string list;
    for (const std::string& name : unique) list += (list.empty() ? "" : ", ") + quoted_name(name);
    if (table_.keys.empty()) {
      add(FindingKind::schema, "unique", "").sentence =
          fmt::format("the unique key ({}) cannot be looked at: its columns are not read", list);
      return;
    }
    std::vector<std::uint32_t> order(table_.rows);
    std::iota(order.begin(), order.end(), 0U);
    const auto& keys = table_.keys;
    std::sort(order.begin(), order.end(),
              [&](std::uint32_t a, std::uint32_t b) { return keys[a] != keys[b] ? keys[a] < keys[b] : a < b; });
    const Repeated repeated = find_repeated([&](std::size_t a, std::size_t b) { return keys[a] == keys[b]; }, order);
    if (repeated.rows.empty()) {
      if (range_.sample_share >= 1) return;
      add(FindingKind::warning, "unique", "").sentence = fmt::format(
          "the unique key ({}) was looked at in {} that were drawn from the window only, where two rows of "
          "one key seldom meet",
          list, rows_text(table_.rows));
      return;
    }
    Offenders offenders(table_);
    for (const std::uint32_t row : repeated.rows) offenders.add(row);
    Finding& finding = add(table_.vague_keys ? FindingKind::warning : FindingKind::value, "unique",
                           unique.size() == 1 ? unique.front() : "");
    finding.rows = offenders.rows();
    finding.observed = static_cast<double>(offenders.rows());
    finding.threshold = 0;
    finding.query = sql_.repeated(unique);
    const std::string begin = fmt::format("{} of {} share their {} with another row, {} in all{}", offenders.rows(),
                                          rows_text(table_.rows), list, keys_text(repeated.groups), offenders.where());
    finding.sentence =
        table_.vague_keys
            ? begin + ", or only seem to: numbers from 2^53 up are told apart only as text, so cast them in the query"
            : begin + ", and the key must be unique";
  }

  void check_duplicates() {
    if (!model_.data.max_duplicates || table_.rows == 0) return;
    if (table_.row_keys.empty()) {
      cannot_look("duplicates", "", "max_duplicates cannot be looked at: the rows were not hashed");
      return;
    }
    // Equal rows have one event time, and stand side by side among those.
    std::vector<std::uint32_t> order(table_.rows);
    std::iota(order.begin(), order.end(), 0U);
    const Repeated repeated = find_repeated(
        [&](std::size_t a, std::size_t b) {
          return table_.row_keys[a] == table_.row_keys[b] && table_.event_times[a] == table_.event_times[b];
        },
        order);
    Offenders offenders(table_);
    for (const std::uint32_t row : repeated.rows) offenders.add(row);
    const double share = static_cast<double>(offenders.rows()) / static_cast<double>(table_.rows);
    if (!(share > *model_.data.max_duplicates)) return;
    Finding& finding = add(FindingKind::value, "duplicates", "");
    finding.rows = offenders.rows();
    finding.observed = share;
    finding.threshold = *model_.data.max_duplicates;
    finding.sentence =
        fmt::format("{} of {} ({}) equal another row in every column that is read, and max_duplicates lets {} pass{}",
                    offenders.rows(), rows_text(table_.rows), percent(share), percent(*model_.data.max_duplicates),
                    offenders.where());
    finding.query = sql_.repeated(read_columns());
  }

  void check_leakage() {
    if (!model_.data.leakage) return;
    // Production's features may be in the table too; those of the model are what is asked about.
    std::vector<std::size_t> which;
    for (std::size_t i = 0; i < table_.features.size(); ++i) {
      const auto& names = model_.features;
      if (names.empty() || std::find(names.begin(), names.end(), table_.features[i].name) != names.end()) {
        which.push_back(i);
      }
    }
    const std::size_t end = std::min(split_.train_end, table_.rows);
    for (const Leak& leak : find_leaks(table_, which, std::min(split_.train_begin, end), end, model_.task,
                                       *model_.data.leakage, model_.training.seed)) {
      tell_leak(leak);
    }
  }

  std::vector<Finding> take() { return std::move(findings_); }

 private:
  Finding& add(FindingKind kind, std::string check, const std::string& column) {
    Finding& finding = findings_.emplace_back();
    finding.kind = kind;
    finding.check = std::move(check);
    finding.column = column;
    finding.stops =
        kind == FindingKind::schema || (kind == FindingKind::value && model_.data.on_break == ValueBreak::stop);
    return finding;
  }
  void add(std::optional<Finding> finding) {
    if (!finding) return;
    finding->stops = model_.data.on_break == ValueBreak::stop;
    findings_.push_back(std::move(*finding));
  }
  void cannot_look(std::string check, const std::string& column, std::string sentence) {
    add(FindingKind::warning, std::move(check), column).sentence = std::move(sentence);
  }

  bool is_sample() const { return range_.sample_share > 0 && range_.sample_share < 1; }
  std::uint64_t of_all(std::uint64_t rows) const {
    return is_sample() ? static_cast<std::uint64_t>(std::llround(static_cast<double>(rows) / range_.sample_share))
                       : rows;
  }
  const char* about() const { return is_sample() ? "about " : ""; }

  static std::string keys_text(std::size_t keys) { return fmt::format("{} key{}", keys, keys == 1 ? "" : "s"); }

  // The column of a name, one that is held otherwise made into a column first; nullptr: its values are not held.
  const Column* find(const std::string& name, bool as_numbers, std::optional<Column>& made) const {
    for (const std::vector<Column>* columns : {&table_.features, &table_.slices}) {
      for (const Column& column : *columns) {
        if (column.name == name) return &column;
      }
    }
    if (name == model_.label) {
      made = label_column(table_.label, model_.task, as_numbers);
    } else if (name == model_.time_column) {
      made = number_column(name, table_.event_times);
    } else if (name == model_.weight && table_.weights.size() == table_.rows) {
      made = number_column(name, table_.weights);
    }
    return made ? &*made : nullptr;
  }

  void check_learned_nulls() {
    if (!expectation_ || model_.data.schema != ExpectedSchema::learned) return;
    for (const ExpectedColumn& expected : expectation_->columns) {
      if (!expected.null_share) continue;
      const auto rule = model_.data.columns.find(expected.name);
      if (rule != model_.data.columns.end() && rule->second.max_null_share) continue;
      const auto column = std::find_if(table_.features.begin(), table_.features.end(),
                                       [&](const Column& candidate) { return candidate.name == expected.name; });
      if (column == table_.features.end()) continue;
      add(check_nulls({table_, *column, sql_}, std::nullopt, expected.null_share, model_.data.null_tolerance));
    }
  }

  struct Repeated {
    std::vector<std::uint32_t> rows;  // all that are equal to another, in the order of the table
    std::size_t groups = 0;           // different ones among them
  };
  // `order` puts equal rows side by side.
  template <class Equal>
  static Repeated find_repeated(Equal equal, const std::vector<std::uint32_t>& order) {
    Repeated out;
    for (std::size_t first = 0; first < order.size();) {
      std::size_t last = first + 1;
      while (last < order.size() && equal(order[first], order[last])) ++last;
      if (last - first > 1) {
        ++out.groups;
        for (std::size_t i = first; i < last; ++i) out.rows.push_back(order[i]);
      }
      first = last;
    }
    std::sort(out.rows.begin(), out.rows.end());
    return out;
  }

  // Every column that is read, each once.
  std::vector<std::string> read_columns() const {
    std::vector<std::string> out;
    const auto add_name = [&out](const std::string& name) {
      if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    };
    add_name(model_.time_column);
    add_name(model_.label);
    for (const Column& column : table_.features) add_name(column.name);
    if (const auto* cluster = std::get_if<settings::ClusterColumn>(&model_.validation.cluster))
      add_name(cluster->column);
    if (model_.weight) add_name(*model_.weight);
    if (model_.training.entity) add_name(*model_.training.entity);
    for (const Column& column : table_.slices) add_name(column.name);
    for (const std::string& name : model_.data.unique) add_name(name);
    return out;
  }

  void tell_leak(const Leak& leak) {
    const Column& column = table_.features[leak.feature];
    const std::string name = quoted_name(column.name);
    Finding& finding = add(FindingKind::warning, "leakage", column.name);
    finding.rows = leak.rows;
    finding.observed = leak.figure;
    finding.threshold = *model_.data.leakage;
    const std::string figure = fmt::format("{:.4f}", leak.figure);
    const std::string label = quoted_name(model_.label);
    std::string what;
    if (model_.task == Task::regression) {
      what = fmt::format("the feature {} alone puts {} into the order of the label, with a rank correlation of {}",
                         name, rows_text(leak.rows), figure);
    } else if (leak.by_missing) {
      what = fmt::format("that the feature {} is {} tells by itself that {} is {}, with an AUC of {} on {}", name,
                         leak.null_means_class ? "NULL" : "not NULL", label, quoted_text(leak.of_class), figure,
                         rows_text(leak.rows));
    } else {
      what = fmt::format("the feature {} alone tells {} = {} from all else, with an AUC of {} on {}", name, label,
                         quoted_text(leak.of_class), figure, rows_text(leak.rows));
    }
    finding.sentence = fmt::format(
        "{} ({} is told): look at when its values are written, and leave it out of the features if they are not yet "
        "known when a prediction is made",
        what, format_number(*model_.data.leakage));
    const std::string known = label + " IS NOT NULL";
    if (model_.task == Task::regression) {
      finding.query = sql_.select(fmt::format("{}, {}, {}", quoted_name(model_.time_column), name, label), known,
                                  fmt::format("ORDER BY {} LIMIT 100", name));
    } else if (column.type == ValueType::number) {
      finding.query = sql_.select(
          fmt::format("{0}, count(*) AS all_rows, count({1}) AS not_null, min({1}), avg({1}), max({1})", label, name),
          known, fmt::format("GROUP BY {0} ORDER BY {0}", label));
    } else {
      finding.query =
          sql_.select(fmt::format("{}, {}, count(*) AS all_rows", name, label), known,
                      fmt::format("GROUP BY {0}, {1} ORDER BY count(*) DESC, {0}, {1} LIMIT 100", name, label));
    }
  }

  const Table& table_;
  const Split& split_;
  const settings::Model& model_;
  const std::optional<Expectation>& expectation_;
  const EventRange& range_;
  RowQuery sql_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> validate_rows(const Table& table, const Split& split, const settings::Model& model,
                                   const std::optional<Expectation>& expectation, const EventRange& range,
                                   TimePoint now) {
  RowValidation validation(table, split, model, expectation, range);
  validation.check_row_count();
  validation.check_age(now);
  validation.check_values();
  validation.check_unique();
  validation.check_duplicates();
  validation.check_leakage();
  return validation.take();
}

}  // namespace retraind::data
