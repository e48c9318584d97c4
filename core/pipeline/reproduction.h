#pragma once
// What came of making a version again: whether its rows and its model are the same, and if not, exactly why. Plain
// values, and what is told of them to people and programs. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retraind::pipeline {

// A file of the model, or "preparation.json". An empty sha256: there is no such file.
struct FileComparison {
  std::string name;
  std::string then_sha256;
  std::string now_sha256;
  bool same() const { return then_sha256 == now_sha256; }
};

// What the two models say of every row of the table.
struct PredictionComparison {
  std::uint64_t rows = 0;
  std::uint64_t differ = 0;  // in any bit of any of their outputs
  double largest = 0;        // difference of one output
};

enum class RowsUsed { none, source, kept };

struct Reproduction {
  std::string model;
  int version = 0;
  std::string trainer;          // then
  bool by_predictions = false;  // a command's model is what it predicts; others are compared byte for byte

  std::uint64_t rows_then = 0;  // read
  std::string data_then;        // sha256
  bool asked_source = false;
  std::string data_now;              // sha256 of the rows at the source; empty: not asked, or they could not be read
  std::vector<std::string> changes;  // of the rows at the source, in sentences; also why they could not be read
  bool had_kept = false;
  RowsUsed used = RowsUsed::none;  // what it was trained on; none: it was not trained
  std::string data_used;           // sha256

  std::vector<std::string> programs;  // what is different about the programs, in sentences
  std::string fault;                  // why it could not be trained, or why it was not; empty: it was
  std::string artifact_then;          // sha256
  std::string artifact_now;           // empty: none was made
  std::vector<FileComparison> files;
  std::optional<PredictionComparison> predictions;

  bool same_data() const { return used != RowsUsed::none && data_used == data_then; }
  bool same_files() const;  // and there are some
  bool same_model() const;
  // The same model from the same rows, wherever those came from.
  bool reproduced() const { return same_data() && same_model(); }
};

// A report of a few lines for a terminal; the last line says whether it was reproduced. Ends with a line break.
std::string to_report(const Reproduction& reproduction);
// One line of JSON without a line break.
std::string to_json(const Reproduction& reproduction);

}  // namespace retraind::pipeline
