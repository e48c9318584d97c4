#include <fmt/format.h>

#include "core/base/error.h"
#include "core/pipeline/bake.h"
#include "core/pipeline/trial.h"
#include "core/runs/trials.h"
#include "daemon/leased_look.h"
#include "daemon/log.h"
#include "daemon/loops.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {

namespace asio = boost::asio;

namespace {

// Approvals are looked for now and then: the bake of one counts all rows since its run, whenever it is opened.
constexpr auto kApprovalPause = std::chrono::seconds(10);

void say(Event event, const runs::ClaimedTrial& trial, const std::string& message) {
  log_event(event, message, {{"model", trial.model_name}, {"run", std::to_string(number(trial.terms.run))}});
}

std::string how_it_ended(const runs::ClaimedTrial& trial, TrialOutcome outcome) {
  const runs::NewTrial& terms = trial.terms;
  switch (outcome) {
    case TrialOutcome::rolled_back:
      return fmt::format("version {} of model {} rolled back to {}", terms.version, trial.model_name, terms.against);
    case TrialOutcome::kept:
      return fmt::format("version {} of model {} stays in production", terms.version, trial.model_name);
    case TrialOutcome::awaiting_approval:
      return fmt::format("shadow version {} of model {} awaits approval", terms.version, trial.model_name);
    default:
      return fmt::format("{} version {} of model {} {}", to_text(terms.kind), terms.version, trial.model_name,
                         to_text(outcome));
  }
}

void tell(const runs::ClaimedTrial& trial, const std::optional<pipeline::TrialConclusion>& conclusion, bool failed) {
  const std::string which =
      fmt::format("{} version {} of model {}", to_text(trial.terms.kind), trial.terms.version, trial.model_name);
  if (!conclusion) {
    log_info(which + ": production moved meanwhile, or somebody else looks; nothing was written",
             {{"model", trial.model_name}});
  } else if (conclusion->outcome) {
    const TrialOutcome outcome = *conclusion->outcome;
    const Event event = failed                                 ? Event::trial_look_failed
                        : outcome == TrialOutcome::rolled_back ? Event::rolled_back
                        : outcome == TrialOutcome::promoted    ? Event::promoted
                                                               : Event::trial_ended;
    say(event, trial, how_it_ended(trial, outcome) + ": " + conclusion->sentence);
  } else if (failed) {
    say(Event::trial_look_failed, trial, which + " goes on: " + conclusion->sentence);
  } else {
    log_debug(which + " goes on: " + conclusion->sentence, {{"model", trial.model_name}});
  }
}

}  // namespace

struct TrialLoop::Attempt : LeasedLook {
  Attempt(Context& context, runs::ClaimedTrial claimed)
      : LeasedLook(context, fmt::format("trial-{}-{}", number(claimed.id), number(claimed.term))),
        trial(std::move(claimed)) {}

  runs::ClaimedTrial trial;
  pipeline::TrialPlan plan;
  pipeline::TrialResult result;
  std::string failed;  // why the look could not be made; empty: it was

 private:
  bool renew(store::Transaction& transaction, Duration lease_time, TimePoint now) override {
    return runs::renew_trial_lease(transaction, trial, lease_time, now);
  }
  void tell_not_renewed(const std::string& why) const override {
    say(Event::lease_not_renewed, trial,
        fmt::format("the lease of a {} could not be renewed: {}", to_text(trial.terms.kind), why));
  }
};

asio::awaitable<void> TrialLoop::run() {
  activity_.emplace(context_.progress, "the trial loop");
  while (!context_.stopping) {
    bool more = false;
    activity_->mark("claiming a trial", 2 * kRegistryTime);
    bool succeeded = false;
    const auto began = std::chrono::steady_clock::now();
    try {
      more = co_await run_once();
      context_.registry_health.pass_succeeded("trial");
      succeeded = true;
    } catch (const std::exception& error) {
      context_.registry_health.pass_failed("trial", "trials could not be claimed", error,
                                           context_.settings->daemon.poll_interval);
    }
    context_.metrics.pass_ended(LoopName::trials, began, succeeded);
    if (more || context_.stopping) continue;
    activity_->mark("asking when a trial is due", kRegistryTime);
    // Approvals ring no bell.
    const Duration pause = std::min<Duration>(co_await until_due(context_, runs::next_trial_due), kApprovalPause);
    activity_->mark("waiting for a trial", pause + kSlack);
    co_await context_.trials_due.wait(pause);
  }
  activity_.reset();
}

asio::awaitable<bool> TrialLoop::run_once() {
  std::optional<runs::ClaimedTrial> claimed;
  const std::vector<std::string> sources = context_.source_names();
  const Duration lease_time = context_.settings->daemon.lease_time;
  co_await run_blocking(context_.pool, [this, &claimed, &sources, &lease_time] {
    try {
      bake_approved(sources);
    } catch (const std::exception& error) {
      // Trials that are open go on all the same.
      log_event(Event::trial_unrecorded,
                fmt::format("bakes of approved versions could not be opened: {}; trying again", error.what()));
    }
    context_.registry.transact("claim trial", [&](store::Transaction& transaction) {
      claimed = runs::claim_trial(transaction, context_.executor, sources, lease_time, runs::registry_now(transaction));
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
    activity_->mark("recording what a look found", kBulkTime);
    try {
      co_await run_blocking(context_.pool, [this, &attempt] { conclude(*attempt); });
    } catch (const std::exception& error) {
      trouble = error.what();
    }
  }
  attempt->end();
  attempt_.reset();
  if (!trouble.empty()) {
    say(Event::trial_unrecorded, attempt->trial,
        fmt::format("what a look found could not be recorded: {}; its lease expires and it is made again", trouble));
  }
  co_return trouble.empty();
}

void TrialLoop::bake_approved(const std::vector<std::string>& sources) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_approvals_) return;
  next_approvals_ = now + kApprovalPause;
  std::vector<pipeline::OpenedBake> opened;
  context_.registry.transact("bake approved versions", [&](store::Transaction& transaction) {
    opened = pipeline::bake_approved(transaction, sources, runs::registry_now(transaction));
  });
  for (const pipeline::OpenedBake& bake : opened) {
    log_event(Event::trial_begun,
              fmt::format("version {} of model {} was approved and is held against version {} on new rows",
                          bake.version, bake.model, bake.against),
              {{"model", bake.model}, {"run", std::to_string(number(bake.run))}});
  }
}

asio::awaitable<void> TrialLoop::look(std::shared_ptr<Attempt> attempt) {
  activity_->mark("planning a look", kBulkTime);
  try {
    const std::shared_ptr<const settings::Settings> settings = context_.settings;
    co_await run_blocking(context_.pool, [this, &attempt] {
      context_.registry.transact("plan a trial's look", [&](store::Transaction& transaction) {
        attempt->plan = pipeline::plan_trial(transaction, attempt->trial, runs::registry_now(transaction));
      });
    });
    const settings::Source& source = settings->sources.at(attempt->trial.source);
    activity_->mark(fmt::format("waiting for the look of a {} of model {}", to_text(attempt->trial.terms.kind),
                                attempt->trial.model_name),
                    attempt->plan.job.model.training.timeout + kBulkTime);
    co_await attempt->look.run(attempt->plan, source, attempt->result);
  } catch (const Error& error) {
    attempt->failed = error.message_with_hint();
  } catch (const std::exception& error) {
    attempt->failed = error.what();
  }
}

void TrialLoop::conclude(Attempt& attempt) {
  std::optional<pipeline::TrialConclusion> conclusion;
  if (attempt.failed.empty()) {
    try {
      context_.registry.transact("conclude trial", [&](store::Transaction& transaction) {
        conclusion = pipeline::conclude_trial(transaction, context_.executor, attempt.trial, attempt.result,
                                              runs::registry_now(transaction));
      });
    } catch (const TransientError&) {
      throw;
    } catch (const Error& error) {
      attempt.failed = error.message_with_hint();
    } catch (const std::exception& error) {
      // It would come again at once and for ever; as a failed look it comes when due, and can be read in SQL.
      attempt.failed = error.what();
    }
  }
  if (!attempt.failed.empty()) {
    context_.registry.transact("record failed look", [&](store::Transaction& transaction) {
      conclusion = pipeline::record_failed_look(transaction, context_.executor, attempt.trial, attempt.failed,
                                                runs::registry_now(transaction));
    });
  }
  if (conclusion && conclusion->outcome) context_.metrics.trial_ended(attempt.trial.terms.kind, *conclusion->outcome);
  tell(attempt.trial, conclusion, !attempt.failed.empty());
}

void TrialLoop::stop_look() {
  if (attempt_) attempt_->look.stop();
}

}  // namespace retraind::daemon
