#pragma once
// CSV (RFC 4180) between retraind, a user's programs and a terminal: a header, commas, fields in double quotes where
// they must be, LF or CRLF at the end of a line. Pure.

#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "core/train/trainer.h"

namespace retraind::train {

// Appends one record and its line break.
void append_csv_record(std::string& out, const std::vector<std::string_view>& fields);

// The features as they came: numbers in the fewest digits that read back to the same 4-byte float, booleans as true and
// false, categories as their texts, missing as an empty field; then, where they are not empty, the labels (a
// regression's number, or the class's label) and the weights.
void write_csv(std::ostream& out, const data::Matrix& features, const TrainingJob& job,
               const std::vector<float>& labels, const std::vector<float>& weights);

// Reads records one by one; memory is that of one record. Throws DataError, with the line, for a stray quote, a record
// of another number of fields than the first, one longer than 16 MiB, and bytes that are not UTF-8.
class CsvReader {
 public:
  explicit CsvReader(std::istream& in, std::string name);  // `name` is what messages call it
  // False at the end. The views hold until the next call.
  bool next(std::vector<std::string_view>& fields);
  std::size_t line() const { return line_; }  // of the record last read

 private:
  std::istream& in_;
  std::string name_;
  std::size_t line_ = 0;
  std::size_t width_ = 0;
  std::string record_;
};

// predictions.csv: one row for each of `rows`, with `prediction` for regression and binary, or `p_CLASS` for each class
// (binary: also allowed, and then of the positive class). Classification: in [0, 1], and a multiclass row adds up to 1
// within 1e-6 a class. Shaped as Model::predict says. Throws DataError with the row and the value for anything else.
std::vector<double> read_predictions(std::istream& in, std::size_t rows, const TrainingJob& job);

}  // namespace retraind::train
