#include "daemon/worker.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <new>
#include <system_error>

#include "core/base/error.h"
#include "core/cage/cage.h"
#include "core/pipeline/batch_scoring.h"
#include "core/pipeline/durable_file.h"
#include "core/pipeline/execute.h"
#include "core/pipeline/look.h"
#include "core/pipeline/result.h"
#include "core/pipeline/trial.h"
#include "daemon/command_output.h"
#include "daemon/worker_protocol.h"

namespace retraind::daemon {
namespace {

// How far a step has come is told no more often than this.
constexpr auto kProgressPause = std::chrono::seconds(1);

std::string read_descriptor(int fd) {
  std::string out;
  char block[65536];
  while (true) {
    const ssize_t got = ::read(fd, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error(errno, std::generic_category(), fmt::format("reading descriptor {}", fd));
    if (got == 0) break;
    out.append(block, static_cast<std::size_t>(got));
  }
  ::close(fd);
  return out;
}

void write_line(int fd, const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t got = ::write(fd, text.data() + written, text.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;  // the daemon does not listen any more; its death is noticed by other means
    written += static_cast<std::size_t>(got);
  }
}

// For what is news now and nothing in a second: left out while the daemon does not keep up. A line is shorter than
// PIPE_BUF, so that a pipe which is ready takes it whole and the training never waits.
void write_line_if_ready(int fd, const std::string& line) {
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  if (::poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0) write_line(fd, line);
}

// The kernel kills us when the thread that started us ends. Between fork and this line it may have ended already, and
// we would have been adopted by somebody else.
void die_with(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
    throw std::system_error(errno, std::generic_category(), "PR_SET_PDEATHSIG");
  if (::getppid() != parent) {
    std::fputs("the daemon is gone already\n", stderr);
    ::_exit(1);
  }
}

// When the machine's memory runs out, the kernel should take a worker or its trainer, not the daemon or the database.
// Inherited by all that is started from here. Only a hint: where it cannot be given, all goes on.
void be_taken_first() {
  constexpr int kWeight = 500;  // of 1000
  int now = 0;
  if (std::ifstream("/proc/self/oom_score_adj") >> now && now < kWeight)
    std::ofstream("/proc/self/oom_score_adj") << kWeight;
}

// Before a secret is read: no other process of this user, a trainer above all, may look for it in here.
void harden(pid_t parent) {
  die_with(parent);
  be_taken_first();  // not possible any more once we hide
  cage::hide_from_same_user();
  ::signal(SIGPIPE, SIG_IGN);
}

void limit_resources(std::uint64_t memory_bytes) {
  const rlimit no_core{0, 0};
  ::setrlimit(RLIMIT_CORE, &no_core);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Sanitizers reserve terabytes of address space; everywhere else the limit holds for all that is allocated.
  const rlimit memory{memory_bytes, memory_bytes};
  ::setrlimit(RLIMIT_AS, &memory);
#else
  (void)memory_bytes;
#endif
}

// A look from job to outcome, whatever it looks for. `advice` is for one that needs too much memory.
template <class Outcome, class Job, class Result>
int answer_look(pid_t parent, const char* result_file, const char* advice, Job (*read_job)(std::string_view),
                Result (*look)(const Job&, const settings::Source&, const std::filesystem::path&)) {
  harden(parent);
  Job job;
  settings::Source source;
  try {
    job = read_job(read_descriptor(kJobDescriptor));
    source = source_from_json(read_descriptor(kSourceDescriptor));
  } catch (const std::exception& error) {
    std::fputs(fmt::format("the look's job cannot be read: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  limit_resources(job.model.training.memory_limit_bytes);
  const std::filesystem::path folder = ".";
  const auto failure = [](bool transient, const char* message, std::string hint) {
    return pipeline::LookFailure{.transient = transient, .message = message, .hint = std::move(hint)};
  };
  Outcome outcome;
  try {
    outcome = look(job, source, folder);
  } catch (const TransientError& error) {
    outcome = failure(true, error.what(), error.hint());
  } catch (const Error& error) {
    outcome = failure(false, error.what(), error.hint());
  } catch (const std::bad_alloc&) {
    const std::string message = fmt::format("more memory was needed than training.memory_limit = {} bytes",
                                            job.model.training.memory_limit_bytes);
    outcome = failure(false, message.c_str(), advice);
  } catch (const std::exception& error) {
    outcome = failure(false, error.what(), "");
  }
  pipeline::write_durable_file(folder / result_file, pipeline::to_json(outcome));
  return 0;
}

}  // namespace

int run_worker(pid_t parent, const std::string& version) {
  harden(parent);
  pipeline::Job job;
  settings::Source source;
  try {
    job = pipeline::job_from_json(read_descriptor(kJobDescriptor));
    source = source_from_json(read_descriptor(kSourceDescriptor));
  } catch (const std::exception& error) {
    std::fputs(fmt::format("the job cannot be read: {}\n", error.what()).c_str(), stderr);
    return 1;
  }
  // Threads that have nothing to do must not spin: the machine is shared with the database, as a rule. Read by the
  // OpenMP library when XGBoost is opened, which is later.
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  limit_resources(job.model.training.memory_limit_bytes);

  using clock = std::chrono::steady_clock;
  const clock::time_point worker_began = clock::now();
  clock::time_point began = worker_began;
  clock::time_point said = worker_began;  // of the live step, its begin included
  const pipeline::StepListener listener = [&](const pipeline::StepEvent& event) {
    const clock::time_point now = clock::now();
    if (event.progress) {
      if (now - said < kProgressPause) return;
      said = now;
      write_line_if_ready(kStepsDescriptor, to_line({.step = event.step,
                                                     .finished = false,
                                                     .at = std::chrono::duration_cast<Duration>(now - worker_began),
                                                     .took = Duration::zero(),
                                                     .rows = event.rows,
                                                     .detail = event.detail,
                                                     .progress = event.progress}));
      return;
    }
    if (!event.finished) began = said = now;
    const auto took = std::chrono::duration_cast<Duration>(now - began);
    const auto at = std::chrono::duration_cast<Duration>(now - worker_began);
    write_line(kStepsDescriptor, to_line({.step = event.step,
                                          .finished = event.finished,
                                          .at = at,
                                          .took = event.finished ? took : Duration::zero(),
                                          .rows = event.rows,
                                          .detail = event.detail,
                                          .progress = {}}));
    std::fputs(fmt::format("{} {} {}\n", to_text(event.step), event.finished ? "done" : "begins",
                           event.finished ? event.detail : "")
                   .c_str(),
               stderr);
  };
  const std::filesystem::path folder = ".";
  CommandOutput output(STDERR_FILENO, job.model.training.command.log_limit_bytes);
  pipeline::Result result;
  try {
    const pipeline::Surroundings surroundings{
        .listener = listener,
        .clock = [&] { return std::chrono::duration_cast<Duration>(clock::now() - worker_began); },
        .on_output = [&output](std::string_view line) { output.add(line); }};
    result = pipeline::execute(job, source, folder, version, surroundings);
  } catch (const std::bad_alloc&) {
    result = {.run = job.run,
              .attempt = job.attempt,
              .outcome = pipeline::Failure{
                  .transient = false,
                  .step = Step::train,
                  .message = fmt::format("more memory was needed than training.memory_limit = {} bytes",
                                         job.model.training.memory_limit_bytes),
                  .hint = "raise training.memory_limit, or shorten training.window"}};
  }
  if (const auto* failure = std::get_if<pipeline::Failure>(&result.outcome)) {
    std::fputs(fmt::format("failed in step {}: {}\n", to_text(failure->step), failure->message).c_str(), stderr);
  }
  pipeline::write_result(folder, result);
  return 0;
}

int run_look(pid_t parent) {
  return answer_look<pipeline::LookOutcome>(parent, pipeline::kLookResultFile,
                                            "raise training.memory_limit, or shorten the trigger's window",
                                            pipeline::look_job_from_json, pipeline::look);
}

int run_trial(pid_t parent) {
  return answer_look<pipeline::TrialLook>(parent, pipeline::kTrialResultFile, "raise training.memory_limit",
                                          pipeline::trial_job_from_json, pipeline::run_trial);
}

int run_scoring(pid_t parent) {
  return answer_look<pipeline::ScoringLook>(parent, pipeline::kScoringResultFile,
                                            "raise training.memory_limit, or lower scoring.batch_rows",
                                            pipeline::scoring_job_from_json, pipeline::score_new_rows);
}

}  // namespace retraind::daemon
