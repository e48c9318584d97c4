#pragma once
// What a worker measured, as it comes back to the daemon. The daemon believes nothing in it: read_result checks shapes,
// sizes, ranges and the sha256 of the files beside it, and the verdict is made from the numbers by the daemon itself
// (conclude.h).

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/data/expectation.h"
#include "core/data/finding.h"
#include "core/evaluate/compare.h"
#include "core/evaluate/decide.h"
#include "core/evaluate/facts.h"
#include "core/pipeline/reference.h"
#include "core/pipeline/search.h"

namespace retraind::pipeline {

inline constexpr const char* kResultFile = "result.json";
inline constexpr const char* kArtifactFile = "candidate.tar";
// Larger result files are refused unread.
inline constexpr std::uint64_t kMaxResultBytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kMaxArtifactBytes = std::uint64_t{1} << 30;

// The winner, trained again on all rows; its artifact is then the one released.
struct Refit {
  evaluate::RefitFacts facts;
  std::string judged_sha256;      // of the artifact that was judged
  std::uint64_t judged_rows = 0;  // it was trained on
  EventTime judged_to = 0;
};

// The rows a version was made from, kept in kKeptDataFile.
struct KeptData {
  std::string sha256;
  std::uint64_t bytes = 0;
};

struct Measured {
  TimeAxis axis = TimeAxis::instant;
  EventTime window_from = 0;  // event times of the oldest and the newest row read
  EventTime window_to = 0;
  std::uint64_t data_rows = 0;
  std::string data_sha256;
  std::uint64_t train_rows = 0;
  EventTime trained_from = 0;
  EventTime trained_to = 0;
  bool judged_again = false;              // the candidate was there already; nothing was trained
  std::optional<int> judged_against;      // production version; nullopt: the baseline
  std::optional<int> stand_in;            // the version that was scored instead, because production could not be loaded
  std::string production_fault;           // why
  std::optional<int> anchor;              // the best version so far that was scored too
  std::string anchor_fault;               // why it could not be
  std::optional<EventTime> holdout_from;  // event times of the first and the last row judged on
  std::optional<EventTime> holdout_to;
  double confidence = 0;  // level of the interval after spending alpha
  evaluate::Comparison comparison;
  evaluate::CandidateFacts facts;
  std::optional<Refit> refit;  // only of a candidate that wins
  std::string artifact_sha256;
  std::uint64_t artifact_bytes = 0;
  std::string trainer;
  Reference reference;  // what a promoted version is watched by
  // What these rows teach those who come later; nullopt: of a candidate that was judged again.
  std::optional<data::Expectation> learned;
  std::optional<KeptData> kept;
  std::vector<std::string> warnings;
  std::string lineage;  // a JSON object
};

// What the decision needs to know beside the comparison, as far as the worker knows it: not how often the holdout was
// used before.
evaluate::Circumstances circumstances_of(const Measured& measured);

// Why a worker could not measure.
struct Failure {
  bool transient = false;  // another attempt may go better
  Step step = Step::extract;
  std::string message;
  std::string hint;
};

struct Result {
  RunId run{};
  int attempt = 1;
  std::variant<Measured, Failure> outcome;
  // Whatever the outcome: what was found in the rows, and what a search tried.
  std::vector<data::Finding> findings{};
  std::vector<SearchTrial> searched{};
};

std::string to_json(const Result& result);
// Throws DataError, saying what is wrong, for anything to_json did not write.
Result result_from_json(std::string_view json);

// Writes the result so that it is there whole or not at all: temporary file, fsync, rename, fsync of the folder.
void write_result(const std::filesystem::path& folder, const Result& result);

// Reads and checks what a worker left. Throws DataError when the file is missing, a link, too large, truncated, of
// another run or attempt, or when the artifact it names does not have the size and sha256 it says.
Result read_result(const std::filesystem::path& folder, RunId run, int attempt);

// The candidate's artifact, verified by read_result before; throws DataError when it does not have this sha256 any
// more.
std::string read_artifact(const std::filesystem::path& folder, const Measured& measured);

}  // namespace retraind::pipeline
