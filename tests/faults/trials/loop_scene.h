#pragma once
// The whole loop at work, for trials that break something in the middle of it: a model that is promoted again and again
// because its data keep turning over, told to a folder and to a command; a signal that shows when a daemon is at work.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "tests/faults/trials/trials.h"

namespace retraind::testing {

class LoopScene : public ::testing::Test {
 protected:
  static constexpr auto kLease = std::chrono::seconds(3);
  // After a fault, until everything has come to rest: a lost lease, a retry's pause and a whole run.
  static constexpr auto kRest = std::chrono::seconds(120);

  void SetUp() override;

  std::string model_text() const;
  std::filesystem::path configure(const std::string& name = "retraind");

  // New rows of the other concept in place of the old ones, and a person's request: a run that ends in a promotion.
  void ask_for_a_promotion();
  // Records a value and waits for a daemon to have evaluated its trigger; a fact about every part of the loop but runs.
  std::optional<Seconds> until_at_work(std::chrono::seconds deadline = std::chrono::seconds(30));
  bool comes_to_rest(std::chrono::seconds deadline = kRest);
  // A daemon with a promotion behind it.
  void begin();
  // It has come to rest and outlived what was done to it, and nothing is broken.
  void expect_all_well(const std::string& what);
  // Which announcements the command was given out of order or not at all; empty when all is well.
  std::string what_was_not_told();

  World world;
  std::filesystem::path config;
  DaemonProcess* daemon = nullptr;  // of begin()

 private:
  int minute_ = 0;
  int concept_ = 0;
};

}  // namespace retraind::testing
