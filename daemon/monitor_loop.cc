#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/base/error.h"
#include "daemon/leased_look.h"
#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/monitor_evaluation.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

// At most so many triggers are evaluated at once, and so many of them by looks, which take long where a source is slow:
// the others must not wait for them.
constexpr std::size_t kMaxEvaluating = 8;
constexpr std::size_t kMaxLooking = 2;

bool takes_a_look(const runs::ClaimedMonitor& monitor) {
  return monitor.trigger.kind() == TriggerKind::drift || monitor.trigger.kind() == TriggerKind::performance;
}

Event event_of(FiringDecision decision) {
  switch (decision) {
    case FiringDecision::error:
      return Event::trigger_error;
    case FiringDecision::alert:
      return Event::trigger_alert;
    default:
      return Event::trigger_decided;
  }
}

}  // namespace

// A trigger is under its lease also while it takes no look.
struct MonitorLoop::Evaluation : LeasedLook {
  Evaluation(Context& context, runs::ClaimedMonitor claimed)
      : LeasedLook(context, fmt::format("look-{}-{}", number(claimed.id), number(claimed.term))),
        evaluation(context.registry, context.executor, std::move(claimed), context.settings),
        activity(context.progress, fmt::format("trigger {} of model {}", evaluation.monitor().trigger.name,
                                               evaluation.monitor().model_name)) {}

  // A source's statements have a bound of their own, unless it is none.
  std::optional<Duration> observing_time(const settings::Settings& settings) const {
    const auto source = settings.sources.find(evaluation.monitor().source);
    if (source == settings.sources.end()) return kBulkTime;
    if (source->second.statement_timeout == Duration::zero()) return std::nullopt;
    constexpr int kMostStatements = 4;
    return kMostStatements * source->second.statement_timeout + kBulkTime;
  }

  MonitorEvaluation evaluation;
  Progress::Activity activity;

 private:
  bool renew(store::Transaction& transaction, Duration lease_time, TimePoint now) override {
    return runs::renew_monitor_lease(transaction, evaluation.monitor(), lease_time, now);
  }
  void tell_not_renewed(const std::string& why) const override {
    const runs::ClaimedMonitor& monitor = evaluation.monitor();
    log_event(Event::lease_not_renewed, fmt::format("the trigger's lease could not be renewed: {}", why),
              {{"model", monitor.model_name}, {"trigger", monitor.trigger.name}});
  }
};

asio::awaitable<void> MonitorLoop::run() {
  activity_.emplace(context_.progress, "the monitor loop");
  while (!context_.stopping) {
    bool more = false;
    activity_->mark("claiming triggers", kRegistryTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      more = co_await run_once();
      context_.registry_health.pass_succeeded("monitor");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("monitor", "triggers could not be claimed", error,
                                           context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::monitors, began, succeeded);
    if (more || context_.stopping) continue;
    const Duration poll = context_.settings->daemon.poll_interval;
    // With looks held back, what is due next cannot be told from what may not be claimed yet; the end of a look rings.
    const bool full = evaluations_.size() >= kMaxEvaluating || looking() >= kMaxLooking;
    activity_->mark("asking when a trigger is due", kRegistryTime);
    std::optional<Duration> left;
    const Duration pause = full ? poll : co_await until_due(context_, runs::next_monitor_due, left);
    if (!full) note_next_trigger(left);
    activity_->mark("waiting for a trigger", pause + kSlack);
    co_await context_.monitors_due.wait(pause);
  }
  activity_->mark("waiting for its evaluations to end", std::nullopt);
  while (!evaluations_.empty()) co_await context_.monitors_due.wait(std::chrono::seconds(1));
  activity_.reset();
}

void MonitorLoop::note_next_trigger(std::optional<Duration> left) {
  context_.next_trigger_at.reset();
  if (left) context_.next_trigger_at = std::chrono::floor<Duration>(std::chrono::system_clock::now()) + *left;
}

std::size_t MonitorLoop::looking() const {
  return static_cast<std::size_t>(std::count_if(evaluations_.begin(), evaluations_.end(), [](const auto& evaluation) {
    return takes_a_look(evaluation->evaluation.monitor());
  }));
}

asio::awaitable<bool> MonitorLoop::run_once() {
  const std::size_t free = kMaxEvaluating - evaluations_.size();
  if (free == 0) co_return false;
  const runs::MonitorPlaces places = {.all = free, .looks = kMaxLooking - std::min(looking(), kMaxLooking)};
  std::vector<runs::ClaimedMonitor> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &places, &lease_time] {
    context_.registry.transact("claim triggers", [&](store::Transaction& transaction) {
      claimed = runs::claim_due_monitors(transaction, context_.executor, sources, places, lease_time,
                                         runs::registry_now(transaction));
    });
  });
  for (runs::ClaimedMonitor& monitor : claimed) {
    const auto evaluation = std::make_shared<Evaluation>(context_, std::move(monitor));
    evaluations_.insert(evaluation);
    asio::co_spawn(context_.io, evaluate(evaluation), asio::detached);
  }
  if (claimed.size() < free) co_return false;
  co_return evaluations_.size() < kMaxEvaluating;
}

asio::awaitable<void> MonitorLoop::look(std::shared_ptr<Evaluation> evaluation) {
  MonitorEvaluation& monitor = evaluation->evaluation;
  pipeline::LookResult result;
  std::string failed;
  evaluation->activity.mark("waiting for its look", monitor.pending_look()->job.model.training.timeout + kBulkTime);
  try {
    co_await evaluation->look.run(*monitor.pending_look(), monitor.source(), result);
    context_.metrics.rows_read(ReadBy::look, result.rows, result.bytes);
  } catch (const Error& error) {
    failed = error.message_with_hint();
    if (!evaluation->look.stopped()) context_.metrics.source_failed(monitor.monitor().source, failure_class(error));
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (evaluation->look.stopped()) {
    monitor.abandon();
  } else if (failed.empty()) {
    monitor.look_succeeded(std::move(result));
  } else {
    monitor.look_failed(failed);
  }
}

asio::awaitable<void> MonitorLoop::evaluate(std::shared_ptr<Evaluation> evaluation) {
  const runs::ClaimedMonitor& monitor = evaluation->evaluation.monitor();
  evaluation->begin();
  runs::MonitorRecord record;
  std::string failed;
  std::string bug;
  evaluation->activity.mark("observing", evaluation->observing_time(*context_.settings));
  try {
    co_await run_blocking(context_.pool, [&evaluation] { evaluation->evaluation.begin(); });
    if (evaluation->evaluation.pending_look() != nullptr) co_await look(evaluation);
    evaluation->activity.mark("recording what it decided", kBulkTime);
    co_await run_blocking(context_.pool, [&record, &evaluation] { record = evaluation->evaluation.record(); });
  } catch (const Error& error) {
    failed = error.message_with_hint();
  } catch (const std::exception& error) {
    bug = error.what();
  }
  if (!bug.empty()) {
    // It would come again at once and for ever; recorded as an error it comes ever more seldom, and can be read in SQL.
    try {
      evaluation->evaluation.look_failed(bug);
      co_await run_blocking(context_.pool, [&record, &evaluation] { record = evaluation->evaluation.record(); });
    } catch (const std::exception& error) {
      failed = error.what();
    }
  }
  evaluation->end();
  const TriggerKind kind = monitor.trigger.kind();
  context_.metrics.trigger_evaluated(kind);
  if (const auto why = evaluation->evaluation.source_failure()) context_.metrics.source_failed(monitor.source, *why);
  if (!failed.empty()) {
    log_event(Event::trigger_unrecorded,
              fmt::format("trigger could not be evaluated: {}; its lease expires and it is evaluated again", failed),
              {{"model", monitor.model_name}, {"trigger", monitor.trigger.name}});
  }
  for (const runs::RecordedDecision& decision : record.decisions) {
    context_.metrics.trigger_decided(kind, decision.decision);
    log_event(event_of(decision.decision), fmt::format("trigger {}: {}", to_text(decision.decision), decision.reason),
              {{"model", monitor.model_name}, {"trigger", monitor.trigger.name}});
    if (decision.decision == FiringDecision::fired) context_.runs_due.ring();
  }
  evaluations_.erase(evaluation);
  context_.monitors_due.ring();
}

void MonitorLoop::stop_looks() {
  for (const auto& evaluation : evaluations_) evaluation->look.stop();
}

}  // namespace retraind::daemon
