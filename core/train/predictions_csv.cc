// What a command says of the rows, believed only as far as it can be true.

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <istream>
#include <optional>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/train/csv.h"

namespace retraind::train {
namespace {

constexpr const char* kFile = "predictions.csv";
constexpr double kSumTolerance = 1e-6;  // a class: what printing six digits costs

std::string in_quotes(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return "\"" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "…" : "") + "\"";
}

std::string expected_columns(const TrainingJob& job) {
  if (job.task == Task::regression) return "one column, prediction";
  std::string classes;
  for (std::size_t i = 0; i < job.class_labels.size() && i < 10; ++i) {
    classes += (i > 0 ? ", " : "") + ("p_" + job.class_labels[i]);
  }
  if (job.class_labels.size() > 10) classes += " … (" + std::to_string(job.class_labels.size()) + " in all)";
  if (job.task == Task::multiclass) return "the columns " + classes;
  return "one column, prediction, or the columns " + classes;
}

// Where each column of the file belongs: the place of its class, or nothing for `prediction`.
struct Columns {
  std::vector<std::optional<std::size_t>> classes;
  bool all_classes = false;
};

Columns read_header(const std::vector<std::string_view>& header, const TrainingJob& job) {
  const auto refuse = [&job](const std::string& why) {
    throw DataError(std::string(kFile) + " " + why, "it needs " + expected_columns(job));
  };
  Columns out;
  std::vector<bool> seen(job.class_labels.size(), false);
  for (const std::string_view name : header) {
    if (name == "prediction" && job.task != Task::multiclass) {
      if (header.size() > 1) refuse("has other columns beside prediction");
      out.classes.emplace_back(std::nullopt);
      return out;
    }
    std::size_t place = 0;
    while (place < job.class_labels.size() && name != "p_" + job.class_labels[place]) ++place;
    if (place == job.class_labels.size()) refuse("has the column " + in_quotes(name));
    if (seen[place]) refuse("has the column " + in_quotes(name) + " twice");
    seen[place] = true;
    out.classes.emplace_back(place);
  }
  for (std::size_t place = 0; place < seen.size(); ++place) {
    const bool is_needed = job.task == Task::multiclass || place == 1;
    if (!seen[place] && is_needed) refuse("lacks the column " + in_quotes("p_" + job.class_labels[place]));
  }
  out.all_classes = out.classes.size() == job.class_labels.size();
  return out;
}

double read_value(std::string_view field, std::size_t row, const TrainingJob& job) {
  const auto refuse = [row](const std::string& why) {
    throw DataError("row " + std::to_string(row) + " of " + kFile + " " + why);
  };
  std::string_view text = field;
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  if (text.empty()) refuse("has no value");
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) {
    refuse("says " + in_quotes(field) + ", which is no number");
  }
  // Too small for a double is 0, and too large infinite; std::from_chars says neither.
  if (error == std::errc::result_out_of_range) value = std::strtod(std::string(text).c_str(), nullptr);
  if (!std::isfinite(value)) refuse("says " + in_quotes(field) + ", which is not finite");
  if (job.task != Task::regression && !(value >= 0 && value <= 1)) {
    refuse("says " + in_quotes(field) + ", and a probability is between 0 and 1");
  }
  return value;
}

}  // namespace

std::vector<double> read_predictions(std::istream& in, std::size_t rows, const TrainingJob& job) {
  if (job.task != Task::regression && job.class_labels.size() != job.classes) {
    throw std::logic_error("a label for each class is needed");
  }
  CsvReader reader(in, kFile);
  std::vector<std::string_view> fields;
  if (!reader.next(fields)) {
    throw DataError(std::string(kFile) + " is empty", "it needs a header and " + expected_columns(job));
  }
  const Columns columns = read_header(fields, job);
  const std::size_t width = job.task == Task::multiclass ? job.classes : 1;
  std::vector<double> out;
  out.reserve(rows * width);
  std::size_t row = 0;
  while (reader.next(fields)) {
    if (++row > rows) continue;  // counted, to say how many there are
    out.resize(row * width);
    double sum = 0;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      const double value = read_value(fields[i], row, job);
      sum += value;
      if (width > 1) {
        out[(row - 1) * width + *columns.classes[i]] = value;
      } else if (columns.classes[i].value_or(1) == 1) {
        out[row - 1] = value;
      }
    }
    if (columns.all_classes && std::abs(sum - 1) > kSumTolerance * static_cast<double>(job.classes)) {
      throw DataError("row " + std::to_string(row) + " of " + kFile + " adds up to " + format_number(sum) +
                      " over its classes, and not to 1");
    }
  }
  if (row != rows) {
    throw DataError(std::string(kFile) + " has " + std::to_string(row) + " rows, and there were " +
                        std::to_string(rows) + " to predict",
                    "write one row for each row of features.csv, in its order, below a header");
  }
  return out;
}

}  // namespace retraind::train
