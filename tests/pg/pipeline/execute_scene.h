#pragma once
// Runs as a worker makes them, on rows of a real source. One test, one thread.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <stdexcept>
#include <string>

#include "core/data/entity.h"
#include "core/pipeline/execute.h"
#include "core/pipeline/job.h"
#include "tests/support/test_database.h"

#define EXPECT_CONTAINS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << (text)

namespace retraind::pipeline {

inline constexpr double kShare = 0.2;

// A row every ten minutes; y is almost what x says, so that any candidate beats the trivial baseline.
class ExecuteTest : public ::testing::Test {
 protected:
  ExecuteTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-execute-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder = pattern;
    database.exec("CREATE TABLE events (ts timestamptz, who text, x float8, w float8, y text)");
    source = {.name = "data", .conninfo = database.conninfo(), .statement_timeout = std::chrono::minutes(1)};
    job.run = RunId{1};
    job.model.name = "m";
    job.model.query = "SELECT ts, who, x, w, y FROM events";
    job.model.time_column = "ts";
    job.model.label = "y";
    job.model.features = {"x"};
    job.model.validation.metric = Metric::accuracy;
    job.model.validation.cluster = settings::WindowRows{10};
    job.model.training.rounds = 5;
    job.model.training.min_rows = 10;
    job.model.training.holdout = settings::HoldoutShare{kShare};
    job.now = *parse_instant("2026-06-01T00:00:00Z");
  }
  ~ExecuteTest() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  static EventTime minute(int number) { return to_event_time(*parse_instant("2026-01-01T00:00:00Z")) + number * 60e6; }
  // The `number`th of the entities that the share holds out, or of the others.
  static std::string entity(bool held_out, int number) {
    data::EntityHash hash;
    for (int i = 0, found = 0;; ++i) {
      const std::string name = "e" + std::to_string(i);
      if (data::is_held_out(hash.of_text(name), kShare) == held_out && found++ == number) return name;
    }
  }
  // One row every ten minutes from the minute on.
  void add_rows(int from, int rows, const std::string& who, const std::string& label = "(x > 0.5)::text",
                const std::string& weight = "1") {
    database.exec(fmt::format(
        "INSERT INTO events SELECT timestamptz '2026-01-01 00:00+00' + n * interval '1 minute', '{}', x, {}, {} FROM "
        "(SELECT n, (n * 37 % 101) / 101.0::float8 AS x FROM generate_series({}::bigint, {}, 10) n) r",
        who, weight, label, from, from + 10 * (rows - 1)));
  }

  Result run() const {
    return execute(job, source, folder, "test",
                   {.listener = [](const StepEvent&) {}, .clock = [] { return Duration::zero(); }});
  }
  Measured measured() const {
    const Result result = run();
    if (const auto* failure = std::get_if<Failure>(&result.outcome)) {
      throw std::runtime_error(failure->message + ": " + failure->hint);
    }
    return std::get<Measured>(result.outcome);
  }
  std::string complaint() const {
    const Result result = run();
    const auto* failure = std::get_if<Failure>(&result.outcome);
    return failure == nullptr ? "it was measured" : failure->message;
  }
  // Makes what was measured a version whose artifact lies beside the job.
  JobVersion keep(int version, const Measured& measured) const {
    const std::string file = fmt::format("v{}.tar", version);
    std::filesystem::rename(folder / kArtifactFile, folder / file);
    return {.version = version,
            .artifact_file = file,
            .artifact_sha256 = measured.artifact_sha256,
            .axis = measured.axis,
            .trained_from = measured.trained_from,
            .trained_to = measured.trained_to,
            .entity = measured.refit ? std::nullopt : held_out_entities(job.model.training),
            .fault = {}};
  }

  testing::TestDatabase database;
  settings::Source source;
  std::filesystem::path folder;
  Job job;
};

}  // namespace retraind::pipeline
