// A clock that tests move, for LD_PRELOAD into PostgreSQL: gettimeofday, time and clock_gettime of the wall clock
// answer the real time plus a number of microseconds that stands in a file, eight bytes in the machine's own order.
// Months pass in minutes for everything that asks the registry what time it is. What measures lengths of time
// (CLOCK_MONOTONIC, timers) goes on as it is. Of the environment: RETRAIND_MOVED_CLOCK, the file.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr std::int64_t kMicroseconds = 1'000'000;

// Mapped once a process; forked children share it. The tests write the file, and all see it at once.
std::int64_t moved_by() {
  static const std::atomic<std::int64_t>* const offset = []() -> const std::atomic<std::int64_t>* {
    const char* path = std::getenv("RETRAIND_MOVED_CLOCK");
    if (path == nullptr) return nullptr;
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    void* page = ::mmap(nullptr, sizeof(std::int64_t), PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    return page == MAP_FAILED ? nullptr : static_cast<const std::atomic<std::int64_t>*>(page);
  }();
  return offset == nullptr ? 0 : offset->load(std::memory_order_relaxed);
}

std::int64_t moved_now() {
  timespec real{};
  ::syscall(SYS_clock_gettime, CLOCK_REALTIME, &real);
  return real.tv_sec * kMicroseconds + real.tv_nsec / 1000 + moved_by();
}

}  // namespace

extern "C" {

int gettimeofday(timeval* now, void*) noexcept {
  const std::int64_t at = moved_now();
  now->tv_sec = at / kMicroseconds;
  now->tv_usec = at % kMicroseconds;
  return 0;
}

time_t time(time_t* now) noexcept {
  const time_t at = moved_now() / kMicroseconds;
  if (now != nullptr) *now = at;
  return at;
}

int clock_gettime(clockid_t clock, timespec* now) noexcept {
  if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE) {
    return static_cast<int>(::syscall(SYS_clock_gettime, clock, now));
  }
  const std::int64_t at = moved_now();
  now->tv_sec = at / kMicroseconds;
  now->tv_nsec = at % kMicroseconds * 1000;
  return 0;
}

}  // extern "C"
