#include "tests/faults/trials/trials.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace retraind::testing {
namespace {

constexpr auto kLookAgain = std::chrono::milliseconds(10);

std::uint64_t seed() {
  static const std::uint64_t value = [] {
    const char* given = std::getenv("RETRAIND_FAULTS_SEED");
    const std::uint64_t out =
        given != nullptr ? std::strtoull(given, nullptr, 10)
                         : static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count());
    std::cout << "seed: " << out << " (RETRAIND_FAULTS_SEED repeats it)" << std::endl;
    return out;
  }();
  return value;
}

}  // namespace

bool long_form() {
  return std::getenv("RETRAIND_LONG") != nullptr;
}

int trials(int in_short_form, int in_long_form) {
  if (const char* given = std::getenv("RETRAIND_FAULTS_TRIALS")) return std::max(1, std::atoi(given));
  return long_form() ? in_long_form : in_short_form;
}

Random random_of(const std::string& test) {
  std::uint64_t mixed = seed();
  for (const char c : test) mixed = mix_seed(mixed, static_cast<std::uint64_t>(static_cast<unsigned char>(c)));
  return Random(mixed);
}

Figure::~Figure() {
  const std::size_t n = std::max(values_.size(), static_cast<std::size_t>(counted_));
  std::string line = fmt::format("figure: {} n={} failures={}", name_, n, failures_);
  if (!values_.empty()) {
    line += fmt::format(" p50={:.2f}s p99={:.2f}s max={:.2f}s", quantile(0.5).count(), quantile(0.99).count(),
                        quantile(1).count());
  }
  std::cout << line << std::endl;
}

Seconds Figure::quantile(double share) const {
  if (values_.empty()) return Seconds(0);
  std::vector<double> sorted = values_;
  std::sort(sorted.begin(), sorted.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return Seconds(sorted[std::max<std::size_t>(rank, 1) - 1]);
}

std::optional<Seconds> time_until(const std::function<bool()>& fact, std::chrono::seconds deadline) {
  const auto begun = Clock::now();
  while (true) {
    try {
      if (fact()) return Clock::now() - begun;
    } catch (const std::exception&) {
      // The server is away, as it may be in these tests.
    }
    if (Clock::now() - begun > deadline) return std::nullopt;
    std::this_thread::sleep_for(kLookAgain);
  }
}

bool at_rest(World& world) {
  return world.holds(
      "SELECT NOT EXISTS (SELECT FROM retraind.run WHERE state IN ('queued', 'running')) AND NOT EXISTS (SELECT FROM "
      "retraind.release WHERE state = 'waiting') AND NOT EXISTS (SELECT FROM retraind.monitor WHERE enabled AND "
      "next_due_at < clock_timestamp()) AND NOT EXISTS (SELECT FROM retraind.trial WHERE outcome IS NULL AND "
      "(next_due_at < clock_timestamp() OR lease_term IS NOT NULL))");
}

void make_slow_function(TestConnection& source) {
  source.exec(
      "CREATE FUNCTION slow(x double precision) RETURNS double precision LANGUAGE plpgsql AS "
      "$$ BEGIN IF random() < 0.5 THEN PERFORM pg_sleep(0.002); END IF; RETURN x; END $$");
}

std::string reading_slowly(std::string model) {
  const std::string query = "SELECT ts, x1, x2, colour, y FROM events";
  return model.replace(model.find(query), query.size(), "SELECT ts, slow(x1) AS x1, x2, colour, y FROM events");
}

std::string what_is_broken(World& world, const std::set<pid_t>& living, const InvariantBounds& bounds) {
  std::string out;
  const auto well = [&] {
    TestConnection superuser = world.registry.connect();
    std::vector<std::string> found = broken_invariants(superuser, bounds);
    for (auto& sentence : orphan_processes(world.state_dir(), living)) found.push_back(std::move(sentence));
    if (!living.empty()) {
      for (auto& sentence : abandoned_folders(world.state_dir(), bounds.settled)) found.push_back(std::move(sentence));
    }
    out = in_lines(found);
    return found.empty();
  };
  (void)time_until(well, std::chrono::seconds(10));
  return out;
}

}  // namespace retraind::testing
