#pragma once
// What daemons do, or fail to do, on a registry: leases, queues, failures, alerts, and the daemons themselves. Reading
// works inside the caller's transaction; judging is pure.

#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/doctor/finding.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::doctor {

struct DaemonFacts {
  std::string instance;
  std::string version;
  bool stopped = false;
  Duration silent{};                         // since it was last seen
  std::optional<std::string> configuration;  // sha256 of its models
};

// Something of a model that has been so for a while.
struct Standing {
  std::string what;  // "run 17", "trigger nightly"
  std::string model;
  std::string detail;
  Duration since{};
  int count = 0;  // attempts, failures in a row
};

struct WorkFacts {
  std::vector<DaemonFacts> daemons;      // the last start of each instance, of the last thirty days
  std::vector<std::string> disagreeing;  // kinds of [retention] that daemons want kept for different times
  std::vector<Standing> expired_leases;
  std::vector<Standing> overdue;
  std::vector<Standing> open_runs;  // for longer than a day; waiting for a person: longer than a week
  std::vector<Standing> failing_models;
  std::vector<Standing> waiting_releases;
  std::vector<Standing> failing_scorings;
  std::vector<Standing> alerts;
  std::size_t models = 0;
};

// `model` without a value: all of them.
WorkFacts read_work(store::Transaction& transaction, const std::optional<std::string>& model, TimePoint now);

// daemons.* and work.*.
Findings judge_work(const WorkFacts& work);

}  // namespace retraind::doctor
