#include "daemon/run_execution.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json.hpp>
#include <system_error>
#include <thread>

#include "core/base/error.h"
#include "core/pipeline/conclude.h"
#include "core/pipeline/durable_file.h"
#include "daemon/log.h"
#include "daemon/run_blocking.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;
using std::chrono::steady_clock;

constexpr const char* kJobFile = "job.json";
constexpr const char* kLogFile = "worker.log";
constexpr std::size_t kLogTailBytes = 64 * 1024;
constexpr std::size_t kMaxStepLine = 64 * 1024;
// Between TERM and KILL, for a worker that is told to stop.
constexpr auto kGrace = std::chrono::seconds(5);
// First wait before another attempt; doubles with each.
constexpr Duration kRetryDelay = std::chrono::seconds(10);

// Asio's timers take the clock's own resolution, our durations are microseconds.
steady_clock::duration to_steady(Duration duration) {
  return std::chrono::duration_cast<steady_clock::duration>(duration);
}

class Descriptor {
 public:
  explicit Descriptor(int fd, const char* what) : fd_(fd) {
    if (fd_ < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// A secret for a child: never in a file, an argument or the environment.
int memory_file(const std::string& content) {
  const int fd = ::memfd_create("retraind-source", MFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "memfd_create");
  if (::write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      ::lseek(fd, 0, SEEK_SET) != 0) {
    const int error = errno;
    ::close(fd);
    throw std::system_error(error, std::generic_category(), "memfd write");
  }
  return fd;
}

std::string tail_of(const std::filesystem::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return "";
  const off_t size = ::lseek(fd, 0, SEEK_END);
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

RunExecution::RunExecution(Context& context, runs::ClaimedRun run)
    : context_(context),
      run_(std::move(run)),
      lease_{run_.id, run_.term},
      settings_(context.settings),
      heartbeat_timer_(context.io),
      timeout_timer_(context.io),
      followers_ended_(context.io),
      lease_trusted_until_(steady_clock::now() + to_steady(settings_->daemon.lease_time)) {}

asio::awaitable<void> RunExecution::execute() {
  const auto self = shared_from_this();
  std::string failed;
  try {
    co_await run_blocking(context_.pool, [this] { prepare(); });
    start_worker();
  } catch (const std::exception& error) {
    failed = error.what();
  }
  if (failed.empty()) {
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
    heartbeat_timer_.cancel();
    timeout_timer_.cancel();
    for (int waited = 0; followers_ > 0; ++waited) {
      if (waited == 2) steps_->cancel();  // something that the worker left behind still holds the pipe
      followers_ended_.expires_after(std::chrono::seconds(1));
      boost::system::error_code ignored;
      co_await followers_ended_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
  }
  try {
    if (failed.empty()) {
      co_await run_blocking(context_.pool, [this] { conclude(); });
    } else {
      co_await run_blocking(context_.pool,
                            [this, &failed] { try_again("the worker could not be started: " + failed); });
    }
  } catch (const std::exception& error) {
    log_error(fmt::format("the end of the run could not be recorded: {}; its lease expires and another attempt follows",
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
  if (job_.production) {
    pipeline::write_durable_file(folder_->path() / job_.production->artifact_file, prepared.production_artifact);
  }
  pipeline::write_durable_file(folder_->path() / kJobFile, pipeline::to_json(job_));
}

void RunExecution::start_worker() {
  const auto source = settings_->sources.find(run_.source);
  if (source == settings_->sources.end()) throw DataError(fmt::format("this daemon has no source \"{}\"", run_.source));
  const Descriptor job(::open((folder_->path() / kJobFile).c_str(), O_RDONLY | O_CLOEXEC), "cannot open the job");
  const Descriptor secret(memory_file(to_json(source->second)), "memfd_create");
  const Descriptor output(::open((folder_->path() / kLogFile).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600),
                          "cannot create the worker's log");
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const Descriptor writing(ends[1], "pipe2");
  steps_ = std::make_unique<asio::posix::stream_descriptor>(context_.io, ends[0]);
  worker_ = std::make_unique<ChildProcess>(
      context_.io, ChildSpec{.argv = {context_.executable.string(), "worker", "--parent", std::to_string(::getpid())},
                             .folder = folder_->path(),
                             .output = output.get(),
                             .inherited = {job.get(), secret.get(), writing.get()}});
  log_info(fmt::format("run {} started (attempt {} of {}, trigger {}), worker {}", number(run_.id), run_.attempt,
                       run_.max_attempts, run_.trigger, worker_->pid()),
           {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
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
        context_.registry.transact("renew lease", [&](store::Transaction& transaction) {
          heartbeat = runs::renew_lease(transaction, lease_, lease_time, runs::registry_now(transaction));
          if (heartbeat.held && !noted) noted = runs::note_worker(transaction, lease_, worker_pid);
        });
      });
      answered = true;
    } catch (const std::exception& error) {
      log_warning(fmt::format("lease could not be renewed: {}", error.what()),
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
      co_await run_blocking(context_.pool, [this, &line] { record_step(line); });
    } catch (const std::exception& problem) {
      log_warning(fmt::format("a step could not be recorded: {}", problem.what()),
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

void RunExecution::hand_back() {
  stop_worker(Stop::handed_back);
}

void RunExecution::record_step(const std::string& line) {
  const StepLine step = parse_step_line(line);
  context_.registry.transact("record step", [&](store::Transaction& transaction) {
    // The worker knows best how far apart its steps are; the registry's clock says when they were.
    if (!worker_began_at_) worker_began_at_ = runs::registry_now(transaction) - step.at;
    if (!step.finished) {
      runs::note_step(transaction, lease_, step.step);
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

void RunExecution::record_log() {
  const std::string text = tail_of(folder_->path() / kLogFile);
  if (text.empty()) return;
  context_.registry.transact("record worker log",
                             [&](store::Transaction& transaction) { runs::record_log(transaction, lease_, text); });
}

void RunExecution::end_as(RunState state, const std::string& reason) {
  bool held = false;
  context_.registry.transact("end run", [&](store::Transaction& transaction) {
    held = runs::end_run(transaction, context_.executor, lease_, state, reason, runs::registry_now(transaction));
  });
  log_line(
      state == RunState::failed ? settings::LogLevel::error : settings::LogLevel::info,
      held ? fmt::format("run {} {}: {}", number(run_.id), to_text(state), reason)
           : fmt::format("run {} would have {}, but its lease was lost: {}", number(run_.id), to_text(state), reason),
      {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
}

void RunExecution::try_again(const std::string& reason) {
  const Duration delay = kRetryDelay * (1 << std::min(run_.attempt - 1, 6));
  bool held = false;
  context_.registry.transact("requeue run", [&](store::Transaction& transaction) {
    held = runs::requeue_run(transaction, context_.executor, lease_, reason, delay, runs::registry_now(transaction));
  });
  const bool last = run_.attempt >= run_.max_attempts;
  log_error(fmt::format("run {} attempt {} of {} did not end well: {}; {}", number(run_.id), run_.attempt,
                        run_.max_attempts, reason,
                        !held  ? "its lease was lost, another daemon has it"
                        : last ? "no attempt is left, the run has failed"
                               : fmt::format("the next attempt follows in {}", format_duration(delay))),
            {{"model", run_.model_name}, {"run", std::to_string(number(run_.id))}});
}

void RunExecution::conclude() {
  switch (stop_) {
    case Stop::lease_lost:
      log_error(fmt::format("run {}: the lease was lost, its worker was killed; whoever holds the lease goes on",
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
      log_info(fmt::format("run {} handed back to the queue", number(run_.id)),
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
  if (const auto* failure = std::get_if<pipeline::Failure>(&result.outcome)) {
    const std::string reason = fmt::format("step {}: {}{}", to_text(failure->step), failure->message,
                                           failure->hint.empty() ? "" : fmt::format(" ({})", failure->hint));
    if (failure->transient) {
      try_again(reason);
    } else {
      end_as(RunState::failed, reason);
    }
    return;
  }
  conclude_measured(std::get<pipeline::Measured>(result.outcome));
}

void RunExecution::conclude_measured(const pipeline::Measured& measured) {
  const std::string artifact = pipeline::read_artifact(folder_->path(), measured);
  const auto field = std::to_string(number(run_.id));
  while (true) {
    std::string trouble;
    try {
      std::optional<pipeline::Conclusion> conclusion;
      context_.registry.transact("conclude run", [&](store::Transaction& transaction) {
        conclusion = pipeline::conclude_run(transaction, context_.executor, run_, measured, artifact,
                                            runs::registry_now(transaction));
      });
      if (!conclusion) {
        log_error(fmt::format("run {}: the lease was lost before the verdict; nothing was written", number(run_.id)),
                  {{"model", run_.model_name}, {"run", field}});
        return;
      }
      const std::string what =
          conclusion->state == RunState::promoted
              ? fmt::format("run {} promoted version {}{}: {}", number(run_.id), *conclusion->version,
                            conclusion->replaced ? fmt::format(", replacing version {}", *conclusion->replaced) : "",
                            conclusion->reason)
              : fmt::format("run {} {}: {}", number(run_.id), to_text(conclusion->state), conclusion->reason);
      log_info(what, {{"model", run_.model_name}, {"run", field}});
      return;
    } catch (const InDoubtError& error) {
      // Perhaps it happened. Repeating it blindly could not promote twice (the term is spent), but only the row knows.
      trouble = error.what();
    } catch (const TransientError& error) {
      trouble = error.what();
    } catch (const DataError& error) {
      end_as(RunState::failed, error.message_with_hint());
      return;
    }
    log_warning(fmt::format("the verdict of run {} could not be written, trying again: {}", number(run_.id), trouble),
                {{"model", run_.model_name}, {"run", field}});
    if (steady_clock::now() >= lease_trusted_until_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    try {
      const auto fate = context_.registry.transact(
          "read back run", [&](store::Transaction& transaction) { return runs::find_run(transaction, run_.id); });
      if (fate && fate->term != run_.term) {
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
