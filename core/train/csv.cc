#include "core/train/csv.h"

#include <algorithm>
#include <cmath>
#include <istream>
#include <ostream>
#include <stdexcept>
#include <utility>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/data/spelling.h"
#include "core/train/utf8.h"

namespace retraind::train {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{1} << 20;
constexpr int kMark[] = {0xEF, 0xBB, 0xBF};  // a byte order mark, as some programs begin UTF-8 with
constexpr int kEnd = std::istream::traits_type::eof();

void append_quoted(std::string& out, std::string_view field) {
  out += '"';
  for (const char c : field) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

void append_field(std::string& out, std::string_view field) {
  if (field.find_first_of("\",\n\r") == std::string_view::npos) {
    out += field;
  } else {
    append_quoted(out, field);
  }
}

// A text that is there, as against one that is missing.
std::string spelled_text(std::string_view text) {
  std::string out;
  if (text.empty()) {
    append_quoted(out, text);
  } else {
    append_field(out, text);
  }
  return out;
}

std::string spelled_value(const data::PreparedFeature& feature, float value) {
  if (feature.type == data::ValueType::boolean && (value == 0 || value == 1)) return value == 1 ? "true" : "false";
  return data::spell_number(value);
}

// One column's fields: each level of a category is spelled once.
class ColumnWriter {
 public:
  explicit ColumnWriter(const data::PreparedFeature& feature) : feature_(feature) {
    for (const std::string& level : feature.levels) levels_.push_back(spelled_text(level));
  }
  void append(std::string& out, float value) const {
    if (std::isnan(value)) return;
    if (feature_.type != data::ValueType::category) {
      out += spelled_value(feature_, value);
      return;
    }
    if (!(value >= 0 && value < static_cast<float>(levels_.size()))) {
      throw std::logic_error("a category without a level: " + std::to_string(value));
    }
    out += levels_[static_cast<std::size_t>(value)];
  }

 private:
  const data::PreparedFeature& feature_;
  std::vector<std::string> levels_;
};

std::vector<std::string> header_of(const TrainingJob& job, bool with_label, bool with_weight) {
  std::vector<std::string> out;
  for (const data::PreparedFeature& feature : job.features) out.push_back(feature.name);
  if (with_label) out.push_back(job.label);
  if (with_weight) out.push_back(weight_column(job));
  return out;
}

}  // namespace

void append_csv_record(std::string& out, const std::vector<std::string_view>& fields) {
  if (fields.size() == 1 && fields.front().empty()) {
    out += "\"\"\n";
    return;
  }
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out += ',';
    append_field(out, fields[i]);
  }
  out += '\n';
}

std::string weight_column(const TrainingJob& job) {
  const auto is_taken = [&job](const std::string& name) {
    return name == job.label ||
           std::any_of(job.features.begin(), job.features.end(),
                       [&name](const data::PreparedFeature& feature) { return feature.name == name; });
  };
  std::string name = job.weight;
  while (is_taken(name)) name += " (weight)";
  return name;
}

void write_csv(std::ostream& out, const data::Matrix& features, const TrainingJob& job,
               const std::vector<float>& labels, const std::vector<float>& weights) {
  if (features.columns != job.features.size() || features.values.size() != features.rows * features.columns ||
      (!labels.empty() && labels.size() != features.rows) || (!weights.empty() && weights.size() != features.rows)) {
    throw std::logic_error("columns of different lengths, or without names");
  }
  const std::vector<std::string> header = header_of(job, !labels.empty(), !weights.empty());
  std::string block;
  append_csv_record(block, {header.begin(), header.end()});

  std::vector<ColumnWriter> columns(job.features.begin(), job.features.end());
  std::vector<std::string> classes;
  for (const std::string& label : job.class_labels) classes.push_back(spelled_text(label));
  const float* value = features.values.data();
  for (std::size_t row = 0; row < features.rows; ++row) {
    const std::size_t row_begin = block.size();
    for (std::size_t column = 0; column < columns.size(); ++column, ++value) {
      if (column > 0) block += ',';
      columns[column].append(block, *value);
    }
    if (!labels.empty()) {
      block += ',';
      block += job.task == Task::regression ? data::spell_number(labels[row])
                                            : classes.at(static_cast<std::size_t>(labels[row]));
    }
    if (!weights.empty()) {
      block += ',';
      block += data::spell_number(weights[row]);
    }
    if (header.size() == 1 && block.size() == row_begin) block += "\"\"";
    block += '\n';
    if (block.size() >= kBlockBytes) {
      out.write(block.data(), static_cast<std::streamsize>(block.size()));
      block.clear();
    }
  }
  out.write(block.data(), static_cast<std::streamsize>(block.size()));
}

CsvReader::CsvReader(std::istream& in, std::string name, std::size_t most_record_bytes)
    : in_(in), name_(std::move(name)), most_record_bytes_(most_record_bytes) {}

void CsvReader::refuse(const std::string& why) const {
  throw DataError("line " + std::to_string(line_) + " of " + name_ + " " + why);
}

int CsvReader::get() {
  const int byte = in_.rdbuf()->sbumpc();
  if (byte == '\n') ++lines_read_;
  return byte;
}

void CsvReader::append(int byte) {
  record_ += static_cast<char>(byte);
  check_length();
}

void CsvReader::check_length() const {
  if (record_.size() + ends_.size() <= most_record_bytes_) return;
  refuse("begins a record of more than " + format_bytes(most_record_bytes_) + ": is a quote not closed?");
}

bool CsvReader::read_field() {
  std::streambuf& buffer = *in_.rdbuf();
  const std::size_t begin = record_.size();
  int byte = get();
  if (byte == kMark[0] && width_ == 0 && ends_.empty()) {
    const int second = get();
    const int third = get();
    if (second == kMark[1] && third == kMark[2]) {
      byte = get();
    } else {
      if (second < 0x80 || third < 0x80) refuse("holds bytes that are not UTF-8");
      append(byte);
      append(second);
      byte = third;
    }
  }
  if (byte == '"' && record_.size() == begin) {
    while (true) {
      byte = get();
      if (byte == kEnd) refuse("begins a record with a quote that is not closed");
      if (byte == '"') {
        if (buffer.sgetc() != '"') break;
        get();
      }
      append(byte);
    }
    byte = get();
    if (byte != ',' && byte != '\n' && byte != '\r' && byte != kEnd) {
      refuse("has something behind a closing quote; a quote inside a field is written twice");
    }
  } else {
    while (byte != ',' && byte != '\n' && byte != '\r' && byte != kEnd) {
      if (byte == '"') refuse("has a quote inside a field that does not begin with one");
      append(byte);
      byte = get();
    }
  }
  if (byte == '\r') {
    byte = get();
    if (byte != '\n' && byte != kEnd) refuse("has a carriage return in the middle; put the field in quotes");
  }
  if (!is_utf8(std::string_view(record_).substr(begin))) refuse("holds bytes that are not UTF-8");
  ends_.push_back(record_.size());
  check_length();
  return byte == ',';
}

bool CsvReader::next(std::vector<std::string_view>& fields) {
  fields.clear();
  record_.clear();
  ends_.clear();
  if (in_.rdbuf()->sgetc() == kEnd) return false;
  line_ = lines_read_ + 1;
  while (read_field()) {
  }
  if (width_ == 0) width_ = ends_.size();
  if (ends_.size() != width_) {
    refuse("has " + std::to_string(ends_.size()) + " fields, and the first line has " + std::to_string(width_));
  }
  std::size_t begin = 0;
  for (const std::size_t end : ends_) {
    fields.emplace_back(std::string_view(record_).substr(begin, end - begin));
    begin = end;
  }
  return true;
}

}  // namespace retraind::train
