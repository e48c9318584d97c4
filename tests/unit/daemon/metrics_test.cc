#include "daemon/metrics.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <regex>

#include "core/base/error.h"
#include "core/settings/load.h"
#include "daemon/process_metrics.h"
#include "tests/unit/daemon/pages.h"

namespace retraind::daemon {
namespace {

using testing::full_figures;
using testing::full_model;
using testing::full_page;

bool has_line(const std::string& page, const std::string& line) {
  return ("\n" + page).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, CountsFromZero) {
  const std::string page = Metrics().text({});
  EXPECT_TRUE(has_line(page, "retraind_run_attempts_ended_total{outcome=\"failed\"} 0"));
  EXPECT_TRUE(has_line(page, "retraind_trigger_decisions_total{decision=\"fired\",kind=\"drift\"} 0") ||
              has_line(page, "retraind_trigger_decisions_total{kind=\"drift\",decision=\"fired\"} 0"))
      << page;
  EXPECT_TRUE(has_line(page, "retraind_registry_errors_total{class=\"unreachable\"} 0"));
  EXPECT_TRUE(has_line(page, "retraind_ready 0"));
}

TEST(Metrics, CountsWhatALoopTells) {
  Metrics metrics;
  metrics.attempt_started();
  metrics.attempt_started();
  metrics.attempt_ended(AttemptEnd::promoted);
  metrics.step_finished(Step::train, std::chrono::seconds(3));
  metrics.rows_read(ReadBy::run, 2000, 64000);
  metrics.registry_failed(FailureClass::in_doubt);
  metrics.pass_ended(LoopName::runs, std::chrono::steady_clock::now(), false);
  const std::string page = metrics.text({});
  EXPECT_TRUE(has_line(page, "retraind_run_attempts_started_total 2"));
  EXPECT_TRUE(has_line(page, "retraind_runs_in_hand 1"));
  EXPECT_TRUE(has_line(page, "retraind_run_attempts_ended_total{outcome=\"promoted\"} 1"));
  EXPECT_TRUE(has_line(page, "retraind_step_duration_seconds_bucket{step=\"train\",le=\"1\"} 0"));
  EXPECT_TRUE(has_line(page, "retraind_step_duration_seconds_bucket{step=\"train\",le=\"5\"} 1"));
  EXPECT_TRUE(has_line(page, "retraind_step_duration_seconds_sum{step=\"train\"} 3"));
  EXPECT_TRUE(has_line(page, "retraind_source_read_rows_total{reader=\"run\"} 2000"));
  EXPECT_TRUE(has_line(page, "retraind_source_read_bytes_total{reader=\"run\"} 64000"));
  EXPECT_TRUE(has_line(page, "retraind_registry_errors_total{class=\"in_doubt\"} 1"));
}

TEST(Metrics, TellsErrorsApartByWhatToDoAboutThem) {
  EXPECT_EQ(failure_class(UnreachableError("x")), FailureClass::unreachable);
  EXPECT_EQ(failure_class(InDoubtError("x")), FailureClass::in_doubt);
  EXPECT_EQ(failure_class(TransientError("x")), FailureClass::transient);
  EXPECT_EQ(failure_class(ConfigError("x")), FailureClass::refused);
  EXPECT_EQ(failure_class(DataError("x")), FailureClass::data);
  EXPECT_EQ(failure_class(std::logic_error("x")), FailureClass::bug);
}

TEST(Metrics, KnowsAnEndForEachStateARunLeavesADaemonIn) {
  for (const RunState state : {RunState::promoted, RunState::awaiting_approval, RunState::shadowing, RunState::rejected,
                               RunState::inconclusive, RunState::failed, RunState::cancelled}) {
    EXPECT_EQ(to_text(attempt_end(state)), to_text(state));
  }
  EXPECT_THROW(attempt_end(RunState::running), std::logic_error);
}

TEST(Metrics, NamesEachFamilyOnceByTheConventions) {
  const std::string page = full_page();
  std::istringstream lines(page);
  std::set<std::string> seen;
  std::string name;
  std::string help;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) help = line;
    if (!line.starts_with("# TYPE ")) continue;
    const std::size_t end = line.find(' ', 7);
    name = line.substr(7, end - 7);
    const std::string type = line.substr(end + 1);
    EXPECT_TRUE(seen.insert(name).second) << name << " is there twice";
    EXPECT_TRUE(name.starts_with("retraind_") || name.starts_with("process_")) << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
    EXPECT_TRUE(help.starts_with("# HELP " + name + " ")) << name << " has no help";
    // Whoever sums over daemons must know what is the same from each of them.
    EXPECT_TRUE(help.find("this daemon") != std::string::npos || help.find("registry") != std::string::npos ||
                help.find("likewise") != std::string::npos || name == "retraind_ready")
        << help;
  }
  EXPECT_GE(seen.size(), 55u);
}

TEST(Metrics, LabelsNothingWithTextThatSomebodyWrote) {
  const std::regex label("([a-z_]+)=\"([^\"]*)\"");
  const std::set<std::string> known = {"version",  "outcome", "step",  "le",      "reader", "kind",
                                       "decision", "target",  "class", "source",  "loop",   "page",
                                       "code",     "state",   "model", "trigger", "metric"};
  const std::string page = full_page();
  std::istringstream lines(page);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("#")) continue;
    for (std::sregex_iterator at(line.begin(), line.end(), label), end; at != end; ++at) {
      EXPECT_TRUE(known.contains((*at)[1])) << line;
      EXPECT_LE((*at)[2].length(), 63) << line;
    }
  }
}

TEST(RegistryMetrics, TellsOfAModelWhatIsKnown) {
  const std::string page = registry_text(full_figures(), {{"power", std::chrono::hours(24)}});
  EXPECT_TRUE(has_line(page, "retraind_model_production_version{model=\"power\"} 7"));
  EXPECT_TRUE(has_line(page, "retraind_model_promotions_total{model=\"power\",kind=\"rollback\"} 1"));
  EXPECT_TRUE(has_line(page, "retraind_model_drift_ratio{model=\"power\"} 1.5"));
  EXPECT_TRUE(has_line(page, "retraind_model_drifted_columns{model=\"power\"} 3"));
  EXPECT_TRUE(
      has_line(page, "retraind_model_performance_worse{model=\"power\",trigger=\"quality\",metric=\"accuracy\"} 1"));
  EXPECT_TRUE(has_line(page, "retraind_model_schedule_seconds{model=\"power\"} 86400"));
  EXPECT_TRUE(has_line(page, "retraind_registry_runs{state=\"queued\"} 4"));
  EXPECT_TRUE(has_line(page, "retraind_registry_queued_run_seconds 300"));
  EXPECT_TRUE(has_line(page, "retraind_registry_models{state=\"active\"} 1"));
}

TEST(RegistryMetrics, LeavesOutWhatIsNotKnown) {
  runs::RegistryFigures figures;
  figures.models.emplace_back();
  figures.models.back().name = "young";
  const std::string page = registry_text(figures, {});
  EXPECT_TRUE(has_line(page, "retraind_model_paused{model=\"young\"} 0"));
  for (const char* name : {"production_version", "drift_ratio", "last_run_timestamp", "performance", "schedule"}) {
    EXPECT_EQ(page.find(std::string("retraind_model_") + name), std::string::npos) << name;
  }
}

TEST(RegistryMetrics, SaysSurelyWorseInTheDirectionOfTheMetric) {
  runs::PerformanceFigures loss;
  loss.metric = Metric::log_loss;
  loss.value = 0.5;
  loss.low = 0.45;
  loss.high = 0.55;
  loss.threshold = 0.4;
  EXPECT_EQ(surely_worse(loss), true);
  loss.threshold = 0.5;
  EXPECT_EQ(surely_worse(loss), false);
  loss.threshold.reset();
  EXPECT_EQ(surely_worse(loss), std::nullopt);
}

TEST(RegistryMetrics, StaysSmallWithTenThousandModels) {
  runs::RegistryFigures figures;
  for (int i = 0; i < 10000; ++i) figures.models.push_back(full_model("model_number_" + std::to_string(i)));
  const std::string page = registry_text(figures, {});
  // Sixteen series of each, a hundred bytes a series.
  EXPECT_LT(page.size(), std::size_t{20} << 20);
  RecordProperty("bytes", std::to_string(page.size()));
  std::printf("10000 models: %zu bytes\n", page.size());
}

TEST(RegistryMetrics, ExpectsARunWithinTheLongestGapOfTheMostFrequentSchedule) {
  settings::Settings settings;
  settings::Model model;
  const auto schedule = [](const char* cron) {
    settings::Trigger trigger;
    trigger.rule = settings::ScheduleTrigger{.cron = schedule::Cron::parse(cron)};
    return trigger;
  };
  model.triggers = {schedule("0 3 * * mon-fri")};
  settings.models["weekdays"] = model;
  model.triggers.push_back(schedule("0 3 * * *"));
  settings.models["both"] = model;
  model.triggers = {schedule("0 3 * * *")};
  model.triggers[0].enabled = false;
  settings.models["none"] = model;
  const auto periods = schedule_periods(settings, TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 11 / 30}});
  EXPECT_EQ(periods,
            (std::map<std::string, Duration>{{"weekdays", std::chrono::hours(72)}, {"both", std::chrono::hours(24)}}));
}

TEST(ProcessMetrics, ReadTheKernelsLineWhateverTheProgramIsCalled) {
  const auto stat = parse_process_stat(
      "42 (a) b (c)) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 7 0 1234 1000000 250 18446744073709551615 1 1");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->cpu_ticks, 200);
  EXPECT_EQ(stat->threads, 7);
  EXPECT_EQ(stat->start_ticks, 1234);
  EXPECT_EQ(stat->virtual_bytes, 1000000);
  EXPECT_EQ(stat->resident_pages, 250);
  EXPECT_FALSE(parse_process_stat(""));
  EXPECT_FALSE(parse_process_stat("42 (x) S 1 2 3"));
}

TEST(ProcessMetrics, AreTrueOfThisProcess) {
  const std::string page = Metrics().text({});
  const auto value = [&](const std::string& name) {
    const std::size_t at = page.find("\n" + name + " ");
    return at == std::string::npos ? -1 : std::strtod(page.c_str() + at + name.size() + 2, nullptr);
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_GE(value("process_max_fds"), value("process_open_fds"));
  EXPECT_GE(value("process_threads"), 1);
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
  const auto now = static_cast<double>(::time(nullptr));
  EXPECT_NEAR(value("process_start_time_seconds"), now, 900);
}

}  // namespace
}  // namespace retraind::daemon
