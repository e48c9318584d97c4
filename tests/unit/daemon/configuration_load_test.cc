#include "daemon/configuration_load.h"

#include <gtest/gtest.h>

namespace retraind::daemon {
namespace {

using Kind = ModelChange::Kind;

TEST(ReloadSummary, NamesWhatWasAddedChangedAndRemoved) {
  const ConfigurationLoad load{.changes = {{Kind::added, "a", {}},
                                           {Kind::changed, "b", {"training.window", "trigger nightly"}},
                                           {Kind::removed, "c", {}}},
                               .unchanged = 12};
  EXPECT_EQ(summary_of(load, {}),
            "added a; changed b (training.window, trigger nightly); removed c; 12 models unchanged");
  EXPECT_EQ(summary_of({.changes = {}, .unchanged = 1}, {"daemon.poll_interval", "log.level"}),
            "1 model unchanged; changed daemon.poll_interval, log.level");
}

TEST(ReloadSummary, StaysALineWhateverThereIsToSay) {
  ConfigurationLoad load;
  for (int i = 0; i < 10'000; ++i) load.changes.push_back({Kind::added, "model_" + std::to_string(i), {}});
  const std::string summary = summary_of(load, {});
  EXPECT_LT(summary.size(), 400u);
  EXPECT_NE(summary.find("model_19 and 9980 more; 0 models unchanged"), std::string::npos) << summary;
}

}  // namespace
}  // namespace retraind::daemon
