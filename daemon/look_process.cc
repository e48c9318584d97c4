#include "daemon/look_process.h"

#include <fmt/format.h>
#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "core/base/error.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/result.h"
#include "daemon/run_blocking.h"
#include "daemon/worker_process.h"

namespace retraind::daemon {

namespace asio = boost::asio;

namespace {

// What a worker reports is what the look found, or why it could not be made.
template <class Result, class Outcome>
Result result_of(Outcome outcome) {
  if (const auto* failure = std::get_if<pipeline::LookFailure>(&outcome)) {
    if (failure->transient) throw TransientError(failure->message, failure->hint);
    throw DataError(failure->message, failure->hint);
  }
  return std::get<Result>(std::move(outcome));
}

}  // namespace

LookProcess::LookProcess(Context& context, std::string name)
    : context_(context), name_(std::move(name)), timer_(context.io), timer_ended_(context.io) {}

asio::awaitable<void> LookProcess::run(const pipeline::LookPlan& plan, const settings::Source& source,
                                       pipeline::LookResult& result) {
  Work work{.command = "look",
            .job_file = pipeline::kLookFile,
            .job = pipeline::to_json(plan.job),
            .artifacts = {},
            .timeout = plan.job.model.training.timeout,
            .advice = "shorten the trigger's window, or raise training.timeout"};
  if (!plan.job.artifact_file.empty()) work.artifacts.emplace_back(plan.job.artifact_file, plan.artifact);
  co_await execute(work, source);
  co_await run_blocking(context_.pool, [this, &plan, &result] {
    result = result_of<pipeline::LookResult>(pipeline::look_outcome_from_json(outcome(pipeline::kLookResultFile)));
    pipeline::require_sense(plan.job, result);
  });
}

asio::awaitable<void> LookProcess::run(const pipeline::TrialPlan& plan, const settings::Source& source,
                                       pipeline::TrialResult& result) {
  Work work{.command = "trial",
            .job_file = pipeline::kTrialFile,
            .job = pipeline::to_json(plan.job),
            .artifacts = {},
            .timeout = plan.job.model.training.timeout,
            .advice = "raise training.timeout; rows that wait for longer make each look longer"};
  for (const auto& [file, bytes] : plan.artifacts) work.artifacts.emplace_back(file, bytes);
  co_await execute(work, source);
  co_await run_blocking(context_.pool, [this, &result] {
    result = result_of<pipeline::TrialResult>(pipeline::trial_look_from_json(outcome(pipeline::kTrialResultFile)));
  });
}

asio::awaitable<void> LookProcess::run(const pipeline::ScoringPlan& plan, const settings::Source& source,
                                       pipeline::ScoringResult& result) {
  Work work{.command = "score",
            .job_file = pipeline::kScoringFile,
            .job = pipeline::to_json(plan.job),
            .artifacts = {},
            .timeout = plan.job.model.training.timeout,
            .advice = "lower scoring.batch_rows, or raise training.timeout; batches that were written stay written"};
  work.artifacts.emplace_back(plan.job.version.artifact_file, plan.artifact);
  co_await execute(work, source);
  co_await run_blocking(context_.pool, [this, &result] {
    result =
        result_of<pipeline::ScoringResult>(pipeline::scoring_look_from_json(outcome(pipeline::kScoringResultFile)));
  });
}

asio::awaitable<void> LookProcess::execute(const Work& work, const settings::Source& source) {
  std::string failed;
  try {
    co_await run_blocking(context_.pool, [this, &work] { prepare(work); });
    // A daemon that began to stop before this look was planned has told nobody.
    stopped_ = stopped_ || context_.stopping;
    if (!stopped_) worker_ = start_worker(context_, work.command, folder_->path(), work.job_file, source, -1);
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (!failed.empty()) throw TransientError("a worker for the look could not be started: " + failed);
  if (worker_) {
    timing_ = true;
    asio::co_spawn(context_.io, await_timeout(work.timeout), asio::detached);
    try {
      exit_ = co_await worker_->wait();
    } catch (const std::exception& error) {
      failed = error.what();
    }
    worker_.reset();
    timer_.cancel();
    // The timer's coroutine uses this object; it ends before anything else happens.
    while (timing_) {
      timer_ended_.expires_after(std::chrono::seconds(1));
      boost::system::error_code ignored;
      co_await timer_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  if (!failed.empty()) throw TransientError("the worker of the look was lost: " + failed);
  if (stopped_) throw TransientError("the look was stopped");
  if (timed_out_) {
    throw TransientError(fmt::format("the look took longer than training.timeout = {}", format_duration(work.timeout)),
                         work.advice);
  }
}

void LookProcess::stop() {
  stopped_ = true;
  if (worker_) worker_->signal(SIGKILL);  // it holds nothing that a kill could harm
}

void LookProcess::prepare(const Work& work) {
  folder_ = std::make_unique<WorkDirectory>(context_.work_folder, name_);
  for (const auto& [file, bytes] : work.artifacts) pipeline::write_durable_file(folder_->path() / file, bytes);
  pipeline::write_durable_file(folder_->path() / work.job_file, work.job);
}

std::string LookProcess::outcome(const char* file) const {
  if (exit_.code != 0 || exit_.signal) {
    throw TransientError(fmt::format("the worker of the look ended by {}", exit_.text()),
                         "a model may be damaged or need more than training.memory_limit");
  }
  return pipeline::read_whole_file(folder_->path() / file, pipeline::kMaxResultBytes);
}

asio::awaitable<void> LookProcess::await_timeout(Duration timeout) {
  boost::system::error_code error;
  timer_.expires_after(std::chrono::duration_cast<std::chrono::steady_clock::duration>(timeout));
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  if (!error && worker_) {
    timed_out_ = true;
    worker_->signal(SIGKILL);
  }
  timing_ = false;
  timer_ended_.cancel();
}

}  // namespace retraind::daemon
