#include "core/store/silence_watch.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>

namespace retraind::store {
namespace {

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
  sockets_[socket] = {.most = most, .since = std::chrono::steady_clock::now()};
  if (!thread_.joinable()) {
    // Signals are for the threads of whoever uses this: a thread that takes none of them cannot be ended by one.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::jthread([this](const std::stop_token& stop) { look_now_and_then(stop); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }
  changed_.notify_one();
}

void SilenceWatch::look_now_and_then(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    // Nobody is woken for nothing: an idle daemon has no connection in use.
    changed_.wait(lock, stop, [this] { return !sockets_.empty(); });
    const auto now = std::chrono::steady_clock::now();
    for (const auto& [socket, patience] : sockets_) {
      if (now - patience.since > patience.most && silence_of(socket) > patience.most) ::shutdown(socket, SHUT_RDWR);
    }
    changed_.wait_for(lock, stop, std::chrono::seconds(1), [] { return false; });
  }
}

}  // namespace retraind::store
