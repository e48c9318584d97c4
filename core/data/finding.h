#pragma once
// What is wrong with, or strange about, the rows of a window. Each is a row of retraind.data_finding. Plain values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/vocabulary.h"

namespace retraind::data {

struct Finding {
  FindingKind kind = FindingKind::warning;
  std::string check;                  // "column_missing", "type", "null_share", "range", "allowed", "unique", …
  std::string column;                 // empty: of the rows as a whole
  std::optional<std::uint64_t> rows;  // how many are meant
  std::optional<double> observed;     // what was measured, and the bound it is held against
  std::optional<double> threshold;
  bool stops = false;    // the run ends because of it
  std::string sentence;  // for people, with values
  std::string query;     // SQL that shows the rows meant, to be run at the source; empty: there is nothing to show
};

// Those that stop a run, as one sentence; empty when none does.
std::string why_stopped(const std::vector<Finding>& findings);

}  // namespace retraind::data
