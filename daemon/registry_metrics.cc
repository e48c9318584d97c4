#include "daemon/registry_metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <functional>
#include <sstream>
#include <utility>
#include <vector>

#include "core/schedule/cron.h"

namespace retraind::daemon {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using runs::ModelFigures;
using runs::PerformanceFigures;

// A weekend and a night are among so many slots.
constexpr int kSlots = 10;

double seconds(TimePoint instant) {
  return std::chrono::duration<double>(instant.time_since_epoch()).count();
}
double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}
std::optional<double> seconds(const std::optional<TimePoint>& instant) {
  return instant ? std::optional(seconds(*instant)) : std::nullopt;
}

// One family at a time is made, written and forgotten: with ten thousand models all of them together would be large.
class Page {
 public:
  void begin(const char* name, const char* help, MetricType type = MetricType::Gauge) {
    family_.push_back({name, help, type, {}});
  }
  void add(std::vector<ClientMetric::Label> labels, double value) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    metric.counter.value = value;
    family_.front().metric.push_back(std::move(metric));
  }
  void end() {
    if (!family_.front().metric.empty()) prometheus::TextSerializer().Serialize(out_, family_);
    family_.clear();
  }
  void single(const char* name, const char* help, double value) {
    begin(name, help);
    add({}, value);
    end();
  }
  std::string text() && { return std::move(out_).str(); }

 private:
  std::vector<MetricFamily> family_;  // one, or none
  std::ostringstream out_;
};

void write_queues(Page& page, const runs::RegistryFigures& figures) {
  const runs::QueueFigures& queues = figures.queues;
  const auto paused = static_cast<double>(
      std::count_if(figures.models.begin(), figures.models.end(), [](const ModelFigures& m) { return m.paused; }));
  page.begin("retraind_registry_models", "Models of the registry by state (the same from every daemon of it).");
  page.add({{"state", "active"}}, static_cast<double>(figures.models.size()) - paused);
  page.add({{"state", "paused"}}, paused);
  page.add({{"state", "removed"}}, static_cast<double>(figures.removed_models));
  page.end();
  page.single("retraind_registry_daemons", "Daemons that the registry has seen in the last minute (likewise).",
              static_cast<double>(queues.daemons));
  page.begin("retraind_registry_runs", "Runs of the registry that have not ended, by state (likewise).");
  for (const auto& [state, count] : queues.runs) {
    page.add({{"state", std::string(to_text(state))}}, static_cast<double>(count));
  }
  page.end();
  page.single("retraind_registry_queued_run_seconds",
              "Seconds for which the run of the registry that waits longest could have been begun; 0 when none waits "
              "(likewise).",
              queues.queued_since ? std::max(0.0, seconds(figures.at - *queues.queued_since)) : 0);
  page.single("retraind_registry_expired_run_leases",
              "Running runs of the registry whose lease has expired and that no daemon has taken back yet (likewise).",
              static_cast<double>(queues.expired_leases));
  page.begin("retraind_registry_trials", "Open shadows and bakes of the registry (likewise).");
  for (const auto& [kind, count] : queues.trials) {
    page.add({{"kind", std::string(to_text(kind))}}, static_cast<double>(count));
  }
  page.end();
  page.single("retraind_registry_overdue_trigger_seconds",
              "Seconds for which the trigger of the registry that is overdue longest has been due while no daemon "
              "evaluated it; 0 when none is (likewise).",
              queues.overdue_since ? std::max(0.0, seconds(figures.at - *queues.overdue_since)) : 0);
  page.single("retraind_registry_releases_waiting",
              "Announcements of promotions of the registry that are not delivered (likewise).",
              static_cast<double>(queues.releases_waiting));
  page.single("retraind_registry_release_waiting_seconds",
              "Seconds for which the oldest of them has waited; 0 when there is none (likewise).",
              queues.release_waiting_since ? std::max(0.0, seconds(figures.at - *queues.release_waiting_since)) : 0);
}

// A gauge of each model that has a value for it.
void write_each(Page& page, const std::vector<ModelFigures>& models, const char* name, const char* help,
                const std::function<std::optional<double>(const ModelFigures&)>& value) {
  page.begin(name, help);
  for (const ModelFigures& model : models) {
    if (const auto found = value(model)) page.add({{"model", model.name}}, *found);
  }
  page.end();
}

void write_each_check(Page& page, const std::vector<ModelFigures>& models, const char* name, const char* help,
                      const std::function<std::optional<double>(const PerformanceFigures&)>& value) {
  page.begin(name, help);
  for (const ModelFigures& model : models) {
    for (const auto& [trigger, check] : model.performance) {
      if (const auto found = value(check)) {
        page.add({{"model", model.name}, {"trigger", trigger}, {"metric", std::string(to_text(check.metric))}}, *found);
      }
    }
  }
  page.end();
}

void write_models(Page& page, const std::vector<ModelFigures>& models) {
  using Value = std::optional<double>;
  write_each(page, models, "retraind_model_paused",
             "1 when the model is paused, else 0; there for each configured model (from the registry, the same from "
             "every daemon).",
             [](const ModelFigures& m) { return Value(m.paused ? 1 : 0); });
  write_each(page, models, "retraind_model_production_version",
             "The version of the model that is in production; absent while there is none (likewise).",
             [](const ModelFigures& m) { return m.production ? Value(*m.production) : Value(); });
  write_each(page, models, "retraind_model_production_since_timestamp_seconds",
             "When it came into production, in seconds since 1970 UTC (likewise).",
             [](const ModelFigures& m) { return seconds(m.production_since); });
  page.begin("retraind_model_promotions_total",
             "Moves of production of the model since it was first configured, by kind: promotion or rollback "
             "(likewise).",
             MetricType::Counter);
  for (const ModelFigures& model : models) {
    page.add({{"model", model.name}, {"kind", "promotion"}}, static_cast<double>(model.promotions));
    page.add({{"model", model.name}, {"kind", "rollback"}}, static_cast<double>(model.rollbacks));
  }
  page.end();
  write_each(page, models, "retraind_model_last_run_timestamp_seconds",
             "When the last run of the model that has ended did so, however it ended, in seconds since 1970 UTC "
             "(likewise).",
             [](const ModelFigures& m) { return seconds(m.last_run_at); });
  write_each(page, models, "retraind_model_last_verdict_timestamp_seconds",
             "When a candidate of the model was last judged, whatever the verdict, in seconds since 1970 UTC "
             "(likewise).",
             [](const ModelFigures& m) { return seconds(m.last_verdict_at); });
  write_each(page, models, "retraind_model_failed_runs",
             "Runs of the model that failed since a candidate was last judged; at most 100 are counted (likewise).",
             [](const ModelFigures& m) { return Value(static_cast<double>(m.failed_runs)); });
  write_each(page, models, "retraind_model_last_drift_check_timestamp_seconds",
             "When the production version of the model was last checked for drift, in seconds since 1970 UTC "
             "(likewise).",
             [](const ModelFigures& m) { return m.drift ? Value(seconds(m.drift->checked_at)) : Value(); });
  write_each(page, models, "retraind_model_drift_ratio",
             "The largest effect over its threshold among the columns of that check that could be judged; above 1 a "
             "column moved further than it may (likewise).",
             [](const ModelFigures& m) { return m.drift ? m.drift->largest_ratio : Value(); });
  write_each(page, models, "retraind_model_drifted_columns",
             "Columns that drifted in that check, by effect and evidence (likewise).",
             [](const ModelFigures& m) { return m.drift ? Value(static_cast<double>(m.drift->drifted)) : Value(); });
  write_each_check(page, models, "retraind_model_last_performance_check_timestamp_seconds",
                   "When a performance trigger last looked at the production version of the model, in seconds since "
                   "1970 UTC (likewise).",
                   [](const PerformanceFigures& check) { return Value(seconds(check.checked_at)); });
  write_each_check(page, models, "retraind_model_performance",
                   "The metric of the production version over the window of that look (likewise).",
                   [](const PerformanceFigures& check) { return check.value; });
  write_each_check(page, models, "retraind_model_performance_level",
                   "The metric of the production version at its promotion (likewise).",
                   [](const PerformanceFigures& check) { return check.level; });
  write_each_check(page, models, "retraind_model_performance_worse",
                   "1 when the metric is surely worse than the trigger's threshold, by its interval, else 0; absent "
                   "where a change detector decides (likewise).",
                   [](const PerformanceFigures& check) {
                     const auto worse = surely_worse(check);
                     return worse ? Value(*worse ? 1 : 0) : Value();
                   });
}

// The longest gap between slots to come; zero when there are none.
Duration longest_gap(const settings::ScheduleTrigger& schedule, TimePoint now) {
  Duration longest = Duration::zero();
  auto slot = schedule::next_slot(schedule.cron, schedule.timezone, now);
  for (int i = 0; i < kSlots && slot; ++i) {
    const auto next = schedule::next_slot(schedule.cron, schedule.timezone, *slot);
    if (next) longest = std::max<Duration>(longest, *next - *slot);
    slot = next;
  }
  return longest;
}

}  // namespace

std::map<std::string, Duration> schedule_periods(const settings::Settings& settings, TimePoint now) {
  std::map<std::string, Duration> out;
  // Many models have the same schedule.
  std::map<std::pair<std::string, std::string>, Duration> known;
  for (const auto& [name, model] : settings.models) {
    for (const settings::Trigger& trigger : model.triggers) {
      const auto* schedule = std::get_if<settings::ScheduleTrigger>(&trigger.rule);
      if (schedule == nullptr || !trigger.enabled) continue;
      const auto [at, added] = known.try_emplace({schedule->cron.expression(), schedule->timezone});
      if (added) at->second = longest_gap(*schedule, now);
      if (at->second == Duration::zero()) continue;
      const auto [shortest, first] = out.try_emplace(name, at->second);
      shortest->second = std::min(shortest->second, at->second);
    }
  }
  return out;
}

std::string registry_text(const runs::RegistryFigures& figures, const std::map<std::string, Duration>& periods) {
  Page page;
  write_queues(page, figures);
  write_models(page, figures.models);
  page.begin("retraind_model_schedule_seconds",
             "The longest time between two of the next ten slots of the model's most frequent schedule; absent for a "
             "model without a schedule (from the configuration of this daemon).");
  for (const ModelFigures& model : figures.models) {
    const auto period = periods.find(model.name);
    if (period != periods.end()) page.add({{"model", model.name}}, seconds(period->second));
  }
  page.end();
  return std::move(page).text();
}

std::string cost_text(const PageCost& cost) {
  Page page;
  page.single("retraind_registry_read_successful",
              "1 when this daemon could read the figures of the registry when it last tried to, else 0.",
              cost.read ? 1 : 0);
  page.single("retraind_registry_read_duration_seconds", "Seconds that reading them last took this daemon.",
              seconds(cost.reading_took));
  if (cost.age) {
    page.single("retraind_registry_read_age_seconds",
                "Age in seconds of the figures of the registry on this page; they are read again at most every few "
                "seconds, and left out when they are older than a minute.",
                static_cast<double>(cost.age->count()));
  }
  page.single("retraind_metrics_page_duration_seconds",
              "Seconds that making the page before this one took this daemon, without reading the registry.",
              seconds(cost.page_took));
  page.single("retraind_metrics_page_bytes", "Bytes of the page that this daemon made before this one.",
              static_cast<double>(cost.page_bytes));
  return std::move(page).text();
}

}  // namespace retraind::daemon
