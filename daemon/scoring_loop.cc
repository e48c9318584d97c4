#include <fmt/format.h>

#include "core/base/error.h"
#include "core/pipeline/batch_scoring.h"
#include "core/runs/scorings.h"
#include "daemon/leased_look.h"
#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

namespace {

void say(Event event, const runs::ClaimedScoring& scoring, const std::string& message) {
  log_event(event, message, {{"model", scoring.model_name}});
}

}  // namespace

struct ScoringLoop::Attempt : LeasedLook {
  Attempt(Context& context, runs::ClaimedScoring claimed)
      : LeasedLook(context, fmt::format("scoring-{}-{}", number(claimed.model), number(claimed.term))),
        scoring(std::move(claimed)) {}

  runs::ClaimedScoring scoring;
  std::optional<pipeline::ScoringPlan> plan;  // absent: nothing is in production
  pipeline::ScoringResult result;
  std::string failed;  // why the look could not be made; empty: it was

 private:
  bool renew(store::Transaction& transaction, Duration lease_time, TimePoint now) override {
    return runs::renew_scoring_lease(transaction, scoring, lease_time, now);
  }
  void tell_not_renewed(const std::string& why) const override {
    say(Event::lease_not_renewed, scoring, fmt::format("the lease of scoring could not be renewed: {}", why));
  }
};

asio::awaitable<void> ScoringLoop::run() {
  activity_.emplace(context_.progress, "the scoring loop");
  while (!context_.stopping) {
    bool more = false;
    activity_->mark("claiming rows to score", kRegistryTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      more = co_await run_once();
      context_.registry_health.pass_succeeded("scoring");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("scoring", "rows to score could not be claimed", error,
                                           context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::scorings, began, succeeded);
    if (more || context_.stopping) continue;
    activity_->mark("asking when rows are to be scored", kRegistryTime);
    const Duration pause = co_await until_due(context_, runs::next_scoring_due);
    activity_->mark("waiting for rows to score", pause + kSlack);
    co_await context_.scorings_due.wait(pause);
  }
  activity_.reset();
}

asio::awaitable<bool> ScoringLoop::run_once() {
  std::optional<runs::ClaimedScoring> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &lease_time] {
    context_.registry.transact("claim scoring", [&](store::Transaction& transaction) {
      claimed =
          runs::claim_scoring(transaction, context_.executor, sources, lease_time, runs::registry_now(transaction));
    });
  });
  if (!claimed) co_return false;
  const auto attempt = std::make_shared<Attempt>(context_, std::move(*claimed));
  attempt_ = attempt;
  attempt->begin();
  co_await look(attempt);
  std::string trouble;
  // A look that was stopped says nothing: the lease runs out, and whoever is there looks again.
  if (!attempt->look.stopped()) {
    activity_->mark("recording what was scored", kBulkTime);
    try {
      co_await run_blocking(context_.pool, [this, &attempt] { conclude(*attempt); });
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  }
  attempt->end();
  attempt_.reset();
  if (!trouble.empty()) {
    say(Event::scoring_unrecorded, attempt->scoring,
        fmt::format("how far scoring came could not be recorded: {}; its lease expires and it is looked again",
                    trouble));
  }
  co_return trouble.empty();
}

asio::awaitable<void> ScoringLoop::look(std::shared_ptr<Attempt> attempt) {
  activity_->mark("planning what to score", kBulkTime);
  try {
    const std::shared_ptr<const settings::Settings> settings = context_.settings;
    co_await run_blocking(context_.pool, [this, &attempt] {
      context_.registry.transact("plan scoring", [&](store::Transaction& transaction) {
        attempt->plan = pipeline::plan_scoring(transaction, attempt->scoring, runs::registry_now(transaction));
      });
    });
    if (attempt->plan) {
      const settings::Source& source = settings->sources.at(attempt->scoring.source);
      activity_->mark(fmt::format("waiting for the scores of model {}", attempt->scoring.model_name),
                      attempt->plan->job.model.training.timeout + kBulkTime);
      co_await attempt->look.run(*attempt->plan, source, attempt->result);
    }
  } catch (const Error& error) {
    attempt->failed = error.message_with_hint();
  } catch (const std::exception& error) {
    attempt->failed = error.what();
  }
}

void ScoringLoop::conclude(Attempt& attempt) {
  const runs::ClaimedScoring& scoring = attempt.scoring;
  std::optional<std::string> sentence;
  context_.registry.transact("record scoring", [&](store::Transaction& transaction) {
    const TimePoint now = runs::registry_now(transaction);
    if (!attempt.failed.empty()) {
      sentence = pipeline::record_failed_scoring(transaction, scoring, attempt.failed, now);
    } else if (!attempt.plan) {
      sentence = pipeline::postpone_scoring(transaction, scoring, now);
    } else {
      sentence = pipeline::conclude_scoring(transaction, scoring, attempt.plan->job, attempt.result, now);
    }
  });
  if (attempt.failed.empty()) context_.metrics.rows_scored(attempt.result.rows);
  if (!sentence) {
    log_info("somebody else scores the model's rows now, or nobody should; nothing was recorded",
             {{"model", scoring.model_name}});
  } else if (!attempt.failed.empty()) {
    say(Event::scoring_failed, scoring, "new rows could not be scored: " + *sentence);
  } else if (attempt.result.rows > 0) {
    say(Event::rows_scored, scoring, *sentence);
  } else {
    log_debug(*sentence, {{"model", scoring.model_name}});
  }
}

void ScoringLoop::stop_look() {
  if (attempt_) attempt_->look.stop();
}

}  // namespace retraind::daemon
