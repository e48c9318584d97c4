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

// Appends one record and its line break, a LF. A record of one empty field is written as "", since most readers skip an
// empty line.
void append_csv_record(std::string& out, const std::vector<std::string_view>& fields);

// What the column of weights is called in train.csv: the job's name for it, with " (weight)" behind it where a feature
// or the label has that name already.
std::string weight_column(const TrainingJob& job);

// The features as they came: numbers in the fewest digits that read back to the same 4-byte float, booleans as true and
// false, categories as their texts (an empty text in quotes), missing as an empty field; then, where they are not
// empty, the labels (a regression's number, or the class's label) and the weights. The stream's state tells whether all
// of it was written.
void write_csv(std::ostream& out, const data::Matrix& features, const TrainingJob& job,
               const std::vector<float>& labels, const std::vector<float>& weights);

// Reads records one by one; memory is that of one record. Throws DataError, with the line, for a stray quote or
// carriage return, a record of another number of fields than the first, one longer than `most_record_bytes`, and bytes
// that are not UTF-8. A byte order mark at the beginning is skipped.
class CsvReader {
 public:
  // `name` is what messages call it.
  CsvReader(std::istream& in, std::string name, std::size_t most_record_bytes = std::size_t{16} << 20);
  // False at the end. The views hold until the next call.
  bool next(std::vector<std::string_view>& fields);
  std::size_t line() const { return line_; }  // of the record last read: the one it begins on, from 1

 private:
  bool read_field();  // into record_; false after the last of its record
  int get();
  void append(int byte);
  void check_length() const;
  [[noreturn]] void refuse(const std::string& why) const;

  std::istream& in_;
  std::string name_;
  std::size_t most_record_bytes_;
  std::size_t line_ = 0;
  std::size_t width_ = 0;
  std::string record_;             // the fields, one behind the other, without their quotes
  std::vector<std::size_t> ends_;  // of the fields in record_
  std::size_t lines_read_ = 0;     // lines that ended so far
};

// predictions.csv: one row for each of `rows`, with `prediction` for regression and binary, or `p_CLASS` for each class
// (binary: also for the positive class alone), in any order. Classification: in [0, 1], and a row with every class adds
// up to 1 within 1e-6 a class. Shaped as Model::predict says. Throws DataError with the row and the value for anything
// else, also for further columns.
std::vector<double> read_predictions(std::istream& in, std::size_t rows, const TrainingJob& job);

}  // namespace retraind::train
