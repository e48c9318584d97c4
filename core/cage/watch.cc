#include "core/cage/watch.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/cage/folder_size.h"
#include "core/cage/processes.h"

namespace retraind::cage {
namespace {

// Looks come soon at first, so that short programs are seen too.
constexpr Duration kFirstInterval = std::chrono::milliseconds(10);
constexpr Duration kInterval = std::chrono::milliseconds(200);
// On a machine with many processes, or in a folder with many files, looking takes long: at most this share of the time.
constexpr int kShareOfLooking = 20;
// How long a killed process may take to be gone.
constexpr Duration kPatience = std::chrono::seconds(10);
// Read at one go, so that a program that prints without end cannot keep us from looking at the clock.
constexpr int kBlocksAtOnce = 16;

std::uint64_t held_together(const std::vector<Process>& processes) {
  std::uint64_t sum = 0;
  for (const Process& process : processes) sum += proportional_bytes(process);
  return sum;
}

}  // namespace

// Milliseconds; a pipe holds sixteen pages or more, so that this bounds the output to some tens of MB a second.
constexpr int kBetweenReads = 1;

FirstInLine::FirstInLine() {
  sched_param before{};
  if (::pthread_getschedparam(::pthread_self(), &policy_, &before) != 0) return;
  priority_ = before.sched_priority;
  sched_param first{};
  first.sched_priority = 1;
  raised_ = ::pthread_setschedparam(::pthread_self(), SCHED_RR | SCHED_RESET_ON_FORK, &first) == 0;
}

FirstInLine::~FirstInLine() {
  sched_param before{};
  before.sched_priority = priority_;
  if (raised_) ::pthread_setschedparam(::pthread_self(), policy_, &before);
}

Watch::Watch(const CageSpec& spec, Launch& launch, const std::vector<int>& others)
    : spec_(spec),
      launch_(launch),
      others_(others),
      log_(spec.log_bytes, spec.on_line),
      folder_(::open(spec.folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)),
      interval_(kFirstInterval),
      next_look_(kFirstInterval) {}

void Watch::until_it_ends() {
  while (true) {
    std::array<pollfd, 2> ready{pollfd{.fd = launch_.pidfd(), .events = POLLIN, .revents = 0},
                                pollfd{.fd = output_open_ ? launch_.output() : -1, .events = POLLIN, .revents = 0}};
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(std::max(next_event(), Duration::zero()));
    const int found = ::poll(ready.data(), ready.size(), static_cast<int>(wait.count()));
    if (found < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category(), "poll");
    if (found > 0 && ready[1].revents != 0) {
      output_open_ = read_output();
      // A program that prints without end must not keep a thread of this priority busy: others need the processor.
      ::poll(nullptr, 0, kBetweenReads);
    }
    if (found > 0 && ready[0].revents != 0) return;
    keep_time();
    if (watch_.elapsed() >= next_look_ && !killed_at_) look();
  }
}

// False at the end: whoever held the pipe has closed it, which says nothing about the program.
bool Watch::read_output() {
  std::array<char, 65536> block;
  for (int i = 0; i < kBlocksAtOnce; ++i) {
    const ssize_t got = ::read(launch_.output(), block.data(), block.size());
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    log_.append({block.data(), static_cast<std::size_t>(got)});
  }
  return true;
}

void Watch::drain() {
  // More than a pipe holds, unless somebody outside of the cage was handed its end and goes on writing.
  if (output_open_) read_output();
  log_.finish();
}

Duration Watch::next_event() const {
  const Duration now = watch_.elapsed();
  if (killed_at_) return *killed_at_ + kPatience - now;
  Duration out = next_look_ - now;
  if (!asked_at_) return std::min(out, spec_.timeout - now);
  return std::min(out, *asked_at_ + spec_.grace - now);
}

void Watch::keep_time() {
  const Duration now = watch_.elapsed();
  if (killed_at_) {
    if (now >= *killed_at_ + kPatience) {
      throw TransientError(fmt::format("process {} cannot be killed", launch_.pid()),
                           "it waits for a disk or a network file system, as a rule");
    }
  } else if (asked_at_) {
    if (now < *asked_at_ + spec_.grace) return;
    killed_at_ = now;
    launch_.kill();
  } else if (now >= spec_.timeout) {
    stop_ = CageStop::timeout;
    excess_ = fmt::format("it ran longer than {}", format_duration(spec_.timeout));
    asked_at_ = now;
    launch_.ask_to_end();
  }
}

void Watch::kill_for(CageStop stop, std::string excess) {
  // After a timeout that stays the reason.
  if (stop_ == CageStop::none) {
    stop_ = stop;
    excess_ = std::move(excess);
  }
  killed_at_ = watch_.elapsed();
  launch_.kill();
}

void Watch::look() {
  const Duration began = watch_.elapsed();
  // Before that it is as large as this process, which is not its fault.
  if (!is_program_) is_program_ = launch_.has_become_program();
  std::uint64_t processes = 0;
  std::uint64_t memory = 0;
  std::vector<Process> living;
  const auto is_ours = [this](const Process& child) {
    return std::find(others_.begin(), others_.end(), child.pid) == others_.end();
  };
  for (const Process& process : below(read_processes(), ::getpid(), is_ours)) {
    if (process.is_dead()) {
      // Orphans that came to us; the program itself is reaped by its Launch.
      if (process.parent == ::getpid() && process.pid != launch_.pid()) ::waitpid(process.pid, nullptr, WNOHANG);
      continue;
    }
    // The first process of a namespace is a copy of this one.
    if (launch_.in_namespace() && process.pid == launch_.pid()) continue;
    ++processes;
    if (!is_program_) continue;
    memory += process.resident_bytes;
    living.push_back(process);
  }
  if (memory > spec_.memory_bytes && living.size() > 1) {
    // Processes that share what their parent loaded hold it once, not each. While some of them end, the others' shares
    // grow, and those that are read later are counted too high: what is too much is so twice.
    memory = held_together(living);
    if (memory > spec_.memory_bytes) memory = std::min(memory, held_together(living));
  }
  peak_ = std::max(peak_, memory);
  const std::uint64_t disk = folder_.get() >= 0 ? folder_size(folder_.get()) : 0;

  if (processes > static_cast<std::uint64_t>(std::max(spec_.max_processes, 0))) {
    kill_for(CageStop::processes,
             fmt::format("{} processes were running, more than {}", processes, spec_.max_processes));
  } else if (memory > spec_.memory_bytes) {
    kill_for(CageStop::memory, fmt::format("it took {} of memory in {} processes, more than {}", format_bytes(memory),
                                           processes, format_bytes(spec_.memory_bytes)));
  } else if (disk > spec_.disk_bytes) {
    const bool endless = disk == std::numeric_limits<std::uint64_t>::max();
    kill_for(CageStop::disk, endless ? "its folder is nested more than 100 deep"
                                     : fmt::format("its folder grew to {}, more than {}", format_bytes(disk),
                                                   format_bytes(spec_.disk_bytes)));
  }
  const Duration now = watch_.elapsed();
  interval_ = std::min(interval_ * 2, kInterval);
  next_look_ = now + std::max(interval_, (now - began) * kShareOfLooking);
}

}  // namespace retraind::cage
