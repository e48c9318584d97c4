#include "core/store/silence_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>

namespace retraind::store {
namespace {

constexpr auto kLookEach = std::chrono::seconds(1);

// How long nothing has come or gone; zero where the kernel does not say.
Duration silence_of(int socket) {
  tcp_info info{};
  socklen_t size = sizeof(info);
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return Duration::zero();
  return std::chrono::milliseconds(std::min(info.tcpi_last_data_recv, info.tcpi_last_data_sent));
}

}  // namespace

SilenceWatch& SilenceWatch::of_process() {
  static SilenceWatch watch;
  return watch;
}

SilenceWatch::Guard::Guard(int socket, Duration most) : socket_(socket) {
  of_process().allow(socket, most);
}

SilenceWatch::Guard::~Guard() {
  SilenceWatch& watch = of_process();
  const std::lock_guard lock(watch.mutex_);
  watch.sockets_.erase(socket_);
}

void SilenceWatch::allow(int socket, Duration most) {
  const std::lock_guard lock(mutex_);
  // What is shorter than the pause between two looks would not be seen to have ended.
  const Duration before = silence_of(socket);
  sockets_[socket] = {.most = most, .before = before > kLookEach ? before : Duration::zero()};
  if (!thread_.joinable()) {
    // Signals are for the threads of whoever uses this: a thread that takes none of them cannot be ended by one.
    sigset_t all;
    sigset_t usual;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &usual);
    thread_ = std::jthread([this](const std::stop_token& stop) { look_now_and_then(stop); });
    ::pthread_sigmask(SIG_SETMASK, &usual, nullptr);
  }
  changed_.notify_one();
}

void SilenceWatch::look_now_and_then(const std::stop_token& stop) {
  // Told of nothing but the end: whoever uses a connection does not wake this thread while it pauses.
  std::condition_variable_any pause;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    // Nobody is woken for nothing: an idle daemon has no connection in use.
    changed_.wait(lock, stop, [this] { return !sockets_.empty(); });
    for (auto& [socket, patience] : sockets_) {
      const Duration silence = silence_of(socket);
      if (silence < patience.before) patience.before = Duration::zero();
      if (silence - patience.before > patience.most) ::shutdown(socket, SHUT_RDWR);
    }
    pause.wait_for(lock, stop, kLookEach, [] { return false; });
  }
}

}  // namespace retraind::store
