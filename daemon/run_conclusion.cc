// What a run leaves in the registry: its steps, its log, and how it ended. All of it blocking; run_execution.cc is the
// part that lives on the io_context.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <thread>

#include "core/base/error.h"
#include "core/pipeline/conclude.h"
#include "daemon/log.h"
#include "daemon/run_execution.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kLogTailBytes = 64 * 1024;
// First wait before another attempt; doubles with each.
constexpr Duration kRetryDelay = std::chrono::seconds(10);

std::string tail_of(const std::filesystem::path& path) {
  // A trainer may have put something else in its place: no link is followed, and no pipe waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return "";
  struct stat about {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(fd);
    return "";
  }
  const off_t size = about.st_size;
  const off_t from = size > static_cast<off_t>(kLogTailBytes) ? size - static_cast<off_t>(kLogTailBytes) : 0;
  std::string out(static_cast<std::size_t>(size - from), '\0');
  const ssize_t got = ::pread(fd, out.data(), out.size(), from);
  ::close(fd);
  out.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  // PostgreSQL's text holds neither NUL nor broken UTF-8, and a log may hold anything.
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80 || (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t'))
      c = '?';
  }
  return out;
}

}  // namespace

void RunExecution::record_step(const StepLine& step) {
  if (step.finished) count_step(step);
  context_.registry.transact("record step", [&](store::Transaction& transaction) {
    // The worker knows best how far apart its steps are; the registry's clock says when they were.
    if (!worker_began_at_) worker_began_at_ = runs::registry_now(transaction) - step.at;
    if (step.progress) {
      runs::note_progress(transaction, lease_, step.progress->done, step.progress->total, step.progress->unit,
                          runs::registry_now(transaction));
      return;
    }
    if (!step.finished) {
      runs::note_step(transaction, lease_, step.step, runs::registry_now(transaction));
      return;
    }
    const TimePoint finished_at = *worker_began_at_ + step.at;
    runs::record_step(transaction, lease_,
                      {.step = step.step,
                       .started_at = finished_at - step.took,
                       .finished_at = finished_at,
                       .rows = step.rows,
                       .detail = step.detail});
  });
}

void RunExecution::count_step(const StepLine& step) {
  context_.metrics.step_finished(step.step, step.took);
  if (step.step != Step::extract) return;
  const boost::json::value detail = boost::json::parse(step.detail);
  const boost::json::value* bytes = detail.is_object() ? detail.as_object().if_contains("bytes") : nullptr;
  boost::system::error_code no_number;
  context_.metrics.rows_read(ReadBy::run, step.rows.value_or(0),
                             bytes != nullptr ? bytes->to_number<std::uint64_t>(no_number) : 0);
}

void RunExecution::record_log() {
  const std::string text = tail_of(folder_->path() / kWorkerLogFile);
  if (text.empty()) return;
  context_.registry.transact("record worker log",
                             [&](store::Transaction& transaction) { runs::record_log(transaction, lease_, text); });
}

void RunExecution::end_as(RunState state, const std::string& reason, const pipeline::Notes& notes,
                          std::string_view step) {
  bool held = false;
  context_.registry.transact("end run", [&](store::Transaction& transaction) {
    pipeline::record_notes(transaction, run_, notes);
    held = runs::end_run(transaction, context_.executor, lease_, state, reason, runs::registry_now(transaction));
  });
  end_ = held ? attempt_end(state) : AttemptEnd::lease_lost;
  log_event(
      state == RunState::failed ? Event::run_failed : Event::run_ended,
      held ? fmt::format("run {} {}: {}", number(run_.id), to_text(state), reason)
           : fmt::format("run {} would have {}, but its lease was lost: {}", number(run_.id), to_text(state), reason),
      {{"model", run_.model_name},
       {"run", std::to_string(number(run_.id))},
       {"trigger", run_.trigger},
       {"step", std::string(step)}});
}

void RunExecution::try_again(const std::string& reason, std::string_view step) {
  const Duration delay = kRetryDelay * (1 << std::min(run_.attempt - 1, 6));
  bool held = false;
  context_.registry.transact("requeue run", [&](store::Transaction& transaction) {
    held = runs::requeue_run(transaction, context_.executor, lease_, reason, delay, runs::registry_now(transaction));
  });
  const bool last = run_.attempt >= run_.max_attempts;
  end_ = !held ? AttemptEnd::lease_lost : last ? AttemptEnd::failed : AttemptEnd::try_again;
  log_event(Event::attempt_failed,
            fmt::format("run {} attempt {} of {} did not end well: {}; {}", number(run_.id), run_.attempt,
                        run_.max_attempts, reason,
                        !held  ? "its lease was lost, another daemon has it"
                        : last ? "no attempt is left, the run has failed"
                               : fmt::format("the next attempt follows in {}", format_duration(delay))),
            {{"model", run_.model_name},
             {"run", std::to_string(number(run_.id))},
             {"trigger", run_.trigger},
             {"step", std::string(step)}});
}

void RunExecution::conclude() {
  switch (stop_) {
    case Stop::lease_lost:
      end_ = AttemptEnd::lease_lost;
      log_event(Event::lease_lost,
                fmt::format("run {}: the lease was lost, its worker was killed; whoever holds the lease goes on",
                            number(run_.id)),
                {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
      return;
    case Stop::cancelled:
      record_log();
      end_as(RunState::cancelled, "cancelled by " + cancel_request_);
      return;
    case Stop::handed_back:
      context_.registry.transact("hand back run", [&](store::Transaction& transaction) {
        runs::hand_back_run(transaction, context_.executor, lease_, context_.executor.instance + " stopped",
                            runs::registry_now(transaction));
      });
      end_ = AttemptEnd::handed_back;
      log_event(Event::run_handed_back, fmt::format("run {} handed back to the queue", number(run_.id)),
                {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
      return;
    case Stop::timed_out:
      record_log();
      end_as(RunState::failed,
             fmt::format("took longer than training.timeout = {}", format_duration(job_.model.training.timeout)));
      return;
    case Stop::none:
      break;
  }
  record_log();
  if (exit_->signal || exit_->code != 0) {
    try_again(fmt::format("the worker ended by {}", exit_->text()));
    return;
  }
  pipeline::Result result;
  try {
    result = pipeline::read_result(folder_->path(), run_.id, run_.attempt);
  } catch (const Error& error) {
    try_again(fmt::format("what the worker left cannot be used: {}", error.what()));
    return;
  }
  const pipeline::Notes notes{
      .findings = std::move(result.findings), .searched = std::move(result.searched), .folder = folder_->path()};
  if (const auto* failure = std::get_if<pipeline::Failure>(&result.outcome)) {
    if (failure->step == Step::extract) {
      context_.metrics.source_failed(run_.source, failure->transient ? FailureClass::transient : FailureClass::data);
    }
    const std::string reason = fmt::format("step {}: {}{}", to_text(failure->step), failure->message,
                                           failure->hint.empty() ? "" : fmt::format(" ({})", failure->hint));
    if (failure->transient) {
      try_again(reason, to_text(failure->step));
    } else {
      end_as(RunState::failed, reason, notes, to_text(failure->step));
    }
    return;
  }
  conclude_measured(std::get<pipeline::Measured>(result.outcome), notes);
}

void RunExecution::conclude_measured(const pipeline::Measured& measured, const pipeline::Notes& notes) {
  const std::string artifact = pipeline::read_artifact(folder_->path(), measured);
  const auto field = std::to_string(number(run_.id));
  while (true) {
    std::string trouble;
    const auto began = steady_clock::now();
    try {
      std::optional<pipeline::Conclusion> conclusion;
      context_.registry.transact("conclude run", [&](store::Transaction& transaction) {
        conclusion = pipeline::conclude_run(transaction, context_.executor, run_, measured, artifact,
                                            runs::registry_now(transaction), notes);
      });
      if (!conclusion) {
        end_ = AttemptEnd::lease_lost;
        log_event(Event::lease_lost,
                  fmt::format("run {}: the lease was lost before the verdict; nothing was written", number(run_.id)),
                  {{"model", run_.model_name}, {"run", field}});
        return;
      }
      context_.metrics.step_finished(Step::release, std::chrono::duration_cast<Duration>(steady_clock::now() - began));
      end_ = conclusion->ending == pipeline::Ending::judge_again ? AttemptEnd::judge_again
                                                                 : attempt_end(conclusion->state);
      const std::string what =
          conclusion->state == RunState::promoted
              ? fmt::format("run {} promoted version {}{}: {}", number(run_.id), *conclusion->version,
                            conclusion->replaced ? fmt::format(", replacing version {}", *conclusion->replaced) : "",
                            conclusion->reason)
              : fmt::format("run {} {}: {}", number(run_.id), to_text(conclusion->state), conclusion->reason);
      log_event(conclusion->state == RunState::promoted ? Event::promoted : Event::run_ended, what,
                {{"model", run_.model_name}, {"run", field}, {"trigger", run_.trigger}});
      for (const std::string& warning : measured.warnings) {
        log_event(Event::run_warning, fmt::format("run {} warns: {}", number(run_.id), warning),
                  {{"model", run_.model_name}, {"run", field}});
      }
      return;
    } catch (const InDoubtError& error) {
      // Perhaps it happened. Repeating it blindly could not promote twice (the term is spent), but only the row knows.
      trouble = error.what();
    } catch (const TransientError& error) {
      trouble = error.what();
    } catch (const DataError& error) {
      end_as(RunState::failed, error.message_with_hint(), notes);
      return;
    }
    log_event(Event::verdict_delayed,
              fmt::format("the verdict of run {} could not be written, trying again: {}", number(run_.id), trouble),
              {{"model", run_.model_name}, {"run", field}});
    if (steady_clock::now() >= lease_trusted_until_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    try {
      const auto fate = context_.registry.transact(
          "read back run", [&](store::Transaction& transaction) { return runs::find_run(transaction, run_.id); });
      if (fate && fate->term != run_.term) {
        // Queued or running again: whether by our own doing or another's, somebody else goes on.
        end_ = parse<AttemptEnd>(to_text(fate->state)).value_or(AttemptEnd::judge_again);
        log_info(
            fmt::format("run {} is {} after all: {}", number(run_.id), to_text(fate->state), fate->reason.value_or("")),
            {{"model", run_.model_name}, {"run", field}});
        return;
      }
    } catch (const TransientError&) {
      // Not even that can be read now; the next round tries both again.
    }
  }
}

}  // namespace retraind::daemon
