#pragma once
// Concludes runs from what a worker might have measured. One test, one thread.

#include <optional>
#include <string>
#include <string_view>

#include "core/pipeline/conclude.h"
#include "tests/pg/registry/registry_scene.h"
#include "tests/unit/pipeline/measured.h"

namespace retraind::pipeline {

using testing::complaint;
using testing::make_model;
using testing::minutes;

// Every attempt is judged by itself, and what is inconclusive ends so.
inline settings::Model plain_model() {
  settings::Model model = make_model();
  model.validation.spend_alpha = false;
  model.validation.shadow = Duration::zero();
  return model;
}

class ConcludeTest : public testing::RegistryTest {
 protected:
  std::optional<Conclusion> conclude(const runs::ClaimedRun& run, const Measured& measured,
                                     std::string_view artifact = kCandidateBytes,
                                     std::optional<TimePoint> when = std::nullopt) {
    return transact([&](store::Transaction& transaction) {
      return conclude_run(transaction, here, run, measured, artifact, when.value_or(start));
    });
  }
  std::string written() {
    return ground.text(
        "SELECT concat_ws(' ', (SELECT count(*) FROM retraind.model_version), (SELECT count(*) FROM "
        "retraind.artifact), "
        "(SELECT count(*) FROM retraind.promotion), (SELECT count(*) FROM retraind.gate), "
        "(SELECT count(*) FROM retraind.metric_result), (SELECT count(*) FROM retraind.version_profile), "
        "(SELECT count(*) FROM retraind.trial), (SELECT count(*) FROM retraind.release))");
  }
};

}  // namespace retraind::pipeline
