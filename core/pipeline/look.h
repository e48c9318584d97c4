#pragma once
// One look at the rows that came since production was trained: what the columns hold, what production says of them, and
// how it fares where the label is known, all counted in time blocks. Reads each row once, by one COPY; memory is
// bounded by columns and blocks, not by rows. Knows the source's connection, and nothing of the registry (watch.h is
// that half).
//
// Scores and losses need production's model, so such a look belongs in a worker or in a command at the terminal; one
// without them loads no model and may run in a thread of the daemon.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/time.h"
#include "core/registry/blocks.h"
#include "core/registry/versions.h"
#include "core/settings/settings.h"
#include "core/source/source.h"
#include "core/stats/block.h"
#include "core/stats/change.h"

namespace retraind::pipeline {

inline constexpr const char* kLookFile = "look.json";  // the job, in the work directory
inline constexpr const char* kLookResultFile = "looked.json";

// What looks at a model call themselves at the source.
std::string look_name(const std::string& model);

// Rows that a detector has not seen yet.
struct DetectorLook {
  stats::ChangeRule rule;
  Metric metric = Metric::log_loss;  // a mean of row losses
  std::string memory;                // of the detector; empty: a new one
  std::optional<EventTime> after;    // rows up to here have been fed
};

struct LookJob {
  settings::Model model;
  TimePoint now{};
  int version = 0;            // of production
  std::string artifact_file;  // empty: no model is loaded
  std::string artifact_sha256;
  TimeAxis axis = TimeAxis::instant;
  EventTime trained_to = 0;  // rows up to here are not fresh, and are left out
  stats::BlockGrid grid;
  std::vector<registry::ReferenceColumn> columns;  // production's, with its cells
  settings::Window window;                         // what the caller wants to know about
  bool features = false;                           // which streams are wanted
  bool scores = false;
  bool losses = false;  // labelled rows only, up to now - label_delay; not together with the other two
  // Blocks that are there already, when all of the window is: reading begins at block `open`. Absent: the whole window
  // is read.
  struct Known {
    std::int64_t first = 0;  // the oldest block that is there
    std::int64_t open = 0;
    std::uint64_t rows = 0;  // in the blocks before `open`
  };
  std::optional<Known> known;
  std::optional<DetectorLook> detector;  // alone, without streams
};

struct LookResult {
  std::optional<EventTime> newest;  // event time the window ends at; absent: there is no row
  bool extended = false;            // blocks known before still count; otherwise all of the window was read
  std::int64_t read_from = 0;       // the first block that was read
  std::int64_t first = 0;           // the first block of the window
  std::uint64_t rows = 0;           // read
  std::uint64_t bytes = 0;
  std::vector<registry::Block> features;
  std::vector<registry::Block> scores;
  std::vector<registry::Block> losses;
  std::optional<stats::ChangeOutcome> detected;
  std::optional<EventTime> fed_to;
};

// Throws DataError when a column that production needs has gone or changed its kind (a break of the schema is no
// drift), TransientError when the source goes away. `folder` holds the artifact. Reads by as many connections at once
// as source.streams says, where that gives the very same counts: features and scores, not losses and detectors. A
// reader that is there already, opened under look_name(), sees what was there when it was opened.
LookResult look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder,
                source::SourceReader reader);
LookResult look(const LookJob& job, const settings::Source& source, const std::filesystem::path& folder);

// Why a worker could not look.
struct LookFailure {
  bool transient = false;
  std::string message;
  std::string hint;
};
using LookOutcome = std::variant<LookResult, LookFailure>;

std::string to_json(const LookJob& job);
LookJob look_job_from_json(std::string_view json);  // throws DataError
// Throws DataError when the blocks do not fit the job: what a worker says is believed only as far as it can be checked.
void require_sense(const LookJob& job, const LookResult& result);

std::string to_json(const LookOutcome& outcome);
LookOutcome look_outcome_from_json(std::string_view json);  // throws DataError

}  // namespace retraind::pipeline
