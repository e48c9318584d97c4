#include "daemon/run_execution.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/pipeline/conclude.h"
#include "core/pipeline/durable_file.h"
#include "core/store/limits.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr const char* kJobFile = "job.json";
constexpr std::size_t kMaxStepLine = 64 * 1024;
// Between TERM and KILL, for a worker that is told to stop.
constexpr auto kGrace = std::chrono::seconds(5);

// A renewal that hangs must be given up early enough for the next one: on another connection, while the lease lasts.
store::Limits renewal_limits(Duration lease_time) {
  const Duration most = std::max<Duration>(lease_time / 6, std::chrono::seconds(2));
  return {.statement = most, .lock = most};
}

// Asio's timers take the clock's own resolution, our durations are microseconds.
steady_clock::duration to_steady(Duration duration) {
  return std::chrono::duration_cast<steady_clock::duration>(duration);
}

}  // namespace

RunExecution::RunExecution(Context& context, runs::ClaimedRun run)
    : context_(context),
      run_(std::move(run)),
      lease_{run_.id, run_.term},
      settings_(context.settings),
      heartbeat_timer_(context.io),
      timeout_timer_(context.io),
      followers_ended_(context.io),
      lease_trusted_until_(steady_clock::now() + to_steady(settings_->daemon.lease_time)),
      activity_(context.progress, fmt::format("run {}", number(run_.id))) {}

asio::awaitable<void> RunExecution::execute() {
  const auto self = shared_from_this();
  std::string failed;
  activity_.mark("preparing its job", kBulkTime);
  try {
    co_await run_blocking(context_.pool, [this] { prepare(); });
    start_worker();
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (failed.empty()) {
    activity_.mark("waiting for its worker", job_.model.training.timeout + kBulkTime);
    followers_ = 3;
    asio::co_spawn(context_.io, renew_lease_until_ended(), asio::detached);
    asio::co_spawn(context_.io, follow_steps(), asio::detached);
    asio::co_spawn(context_.io, await_timeout(), asio::detached);
    try {
      exit_ = co_await worker_->wait();
    } catch (const std::exception& error) {
      failed = error.what();
    }
    // From here on the row lock of the verdict's transaction keeps others away, and the term makes sure. Everybody who
    // follows the worker ends first, so that conclude() has this object to itself.
    ended_ = true;
    activity_.mark("waiting for those who follow its worker", kBulkTime);
    heartbeat_timer_.cancel();
    timeout_timer_.cancel();
    for (int waited = 0; followers_ > 0; ++waited) {
      if (waited == 2) steps_->cancel();  // something that the worker left behind still holds the pipe
      followers_ended_.expires_after(std::chrono::seconds(1));
      boost::system::error_code ignored;
      co_await followers_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  // The verdict is tried again while the lease lasts.
  activity_.mark("coming to its end", settings_->daemon.lease_time + 2 * kBulkTime);
  try {
    if (failed.empty()) {
      co_await run_blocking(context_.pool, [this] { conclude(); });
    } else {
      co_await run_blocking(context_.pool,
                            [this, &failed] { try_again("the worker could not be started: " + failed); });
    }
  } catch (const std::exception& error) {
    log_event(Event::run_unrecorded,
              fmt::format("the end of the run could not be recorded: {}; its lease expires and another attempt follows",
                          error.what()),
              {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
  }
  folder_.reset();
}

void RunExecution::prepare() {
  pipeline::PreparedJob prepared;
  context_.registry.transact("prepare job", [&](store::Transaction& transaction) {
    prepared = pipeline::prepare_job(transaction, run_, runs::registry_now(transaction));
  });
  job_ = prepared.job;
  folder_ =
      std::make_unique<WorkDirectory>(context_.work_folder, fmt::format("run-{}-{}", number(run_.id), run_.attempt));
  for (const auto& [file, bytes] : prepared.artifacts) {
    pipeline::write_durable_file(folder_->path() / file, bytes);
  }
  pipeline::write_durable_file(folder_->path() / kJobFile, pipeline::to_json(job_));
}

void RunExecution::start_worker() {
  const auto source = settings_->sources.find(run_.source);
  if (source == settings_->sources.end()) throw DataError(fmt::format("this daemon has no source \"{}\"", run_.source));
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const Descriptor writing(ends[1], "pipe2");
  steps_ = std::make_unique<asio::posix::stream_descriptor>(context_.io, ends[0]);
  worker_ = daemon::start_worker(context_, "worker", folder_->path(), kJobFile, source->second, writing.get());
  log_event(Event::run_started,
            fmt::format("run {} started (attempt {} of {}, trigger {}), worker {}", number(run_.id), run_.attempt,
                        run_.max_attempts, run_.trigger, worker_->pid()),
            {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}, {"trigger", run_.trigger}});
}

asio::awaitable<void> RunExecution::renew_lease_until_ended() {
  const auto self = shared_from_this();
  const Duration lease_time = settings_->daemon.lease_time;
  const int worker_pid = worker_->pid();
  bool noted = false;
  while (!ended_) {
    // Trust runs from before the request: how long the answer took to come must not lengthen it.
    const auto asked = steady_clock::now();
    runs::Heartbeat heartbeat;
    bool answered = false;
    try {
      co_await run_blocking(context_.pool, [this, &heartbeat, &noted, &lease_time, &worker_pid] {
        const auto renew = [&](store::Transaction& transaction) {
          store::limit(transaction, renewal_limits(lease_time));
          heartbeat = runs::renew_lease(transaction, lease_, lease_time, runs::registry_now(transaction));
          if (heartbeat.held && !noted) noted = runs::note_worker(transaction, lease_, worker_pid);
        };
        context_.registry.transact("renew lease", renew);
      });
      answered = true;
    } catch (const std::exception& error) {
      log_event(Event::lease_not_renewed, fmt::format("lease could not be renewed: {}", error.what()),
                {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
    }
    if (ended_) break;
    if (answered && heartbeat.held) lease_trusted_until_ = asked + to_steady(lease_time);
    if (answered && !heartbeat.held) stop_worker(Stop::lease_lost);
    if (answered && heartbeat.cancel_request && stop_ == Stop::none) {
      cancel_request_ = *heartbeat.cancel_request;
      stop_worker(Stop::cancelled);
    }
    // Before the lease runs out and somebody else starts the same run, this one's worker must be gone.
    const auto margin = to_steady(lease_time) / 6;
    if (steady_clock::now() + margin >= lease_trusted_until_) stop_worker(Stop::lease_lost);
    if (stop_ == Stop::lease_lost) break;
    const auto pause = answered ? to_steady(lease_time) / 3 : to_steady(lease_time) / 12;
    heartbeat_timer_.expires_after(pause);
    boost::system::error_code ignored;
    co_await heartbeat_timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  --followers_;
  followers_ended_.cancel();
}

asio::awaitable<void> RunExecution::follow_steps() {
  const auto self = shared_from_this();
  std::string buffer;
  boost::system::error_code error;
  while (!error) {
    const std::size_t length = co_await asio::async_read_until(*steps_, asio::dynamic_buffer(buffer, kMaxStepLine),
                                                               '\n', asio::redirect_error(asio::use_awaitable, error));
    if (error) break;  // the worker has ended, or wrote a line without an end
    const std::string line = buffer.substr(0, length - 1);
    buffer.erase(0, length);
    try {
      const StepLine step = parse_step_line(line);
      // What is no news any more is not worth a transaction: another line is here already.
      if (step.progress && buffer.find('\n') != std::string::npos) continue;
      co_await run_blocking(context_.pool, [this, &step] { record_step(step); });
    } catch (const std::exception& problem) {
      log_event(Event::step_unrecorded, fmt::format("a step could not be recorded: {}", problem.what()),
                {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
    }
  }
  --followers_;
  followers_ended_.cancel();
}

asio::awaitable<void> RunExecution::await_timeout() {
  const auto self = shared_from_this();
  boost::system::error_code error;
  timeout_timer_.expires_after(to_steady(job_.model.training.timeout));
  co_await timeout_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  if (!error) stop_worker(Stop::timed_out);
  // Here the timer serves a second time: whoever was told to stop and has not is killed.
  while (!exit_ && stop_ != Stop::none) {
    timeout_timer_.expires_after(kGrace);
    co_await timeout_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (!exit_) worker_->signal(SIGKILL);
  }
  --followers_;
  followers_ended_.cancel();
}

void RunExecution::stop_worker(Stop why) {
  if (stop_ == Stop::none || why == Stop::lease_lost) stop_ = why;
  if (exit_ || !worker_) return;
  // A worker holds nothing that a kill could harm; only a lost lease is in a hurry.
  worker_->signal(why == Stop::lease_lost ? SIGKILL : SIGTERM);
  if (why != Stop::timed_out) timeout_timer_.cancel();
}

Duration RunExecution::lease_left() const {
  return std::chrono::duration_cast<Duration>(lease_trusted_until_ - steady_clock::now());
}

void RunExecution::hand_back() {
  stop_worker(Stop::handed_back);
}

}  // namespace retraind::daemon
