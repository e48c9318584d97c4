#pragma once
// Breaks connections that have gone silent. libpq's calls block until an answer comes, and the kernel notices only a
// peer that no longer acknowledges: where something in between (a pooler that hangs, a proxy whose other side is gone)
// keeps the connection alive and never answers, a call would wait for ever, and a lease with it. What a server should
// have answered or given up long ago is therefore shut down from here; the blocked call then fails as with any lost
// connection.
//
// Measures by what the kernel knows of a TCP socket, when data last came or went; Unix sockets have nothing in between
// and are left alone. One for the process, since a socket's number is; thread-safe. One thread, started with the first
// watched connection.

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "core/base/time.h"

namespace retraind::store {

class SilenceWatch {
 public:
  static SilenceWatch& of_process();
  SilenceWatch(const SilenceWatch&) = delete;
  SilenceWatch& operator=(const SilenceWatch&) = delete;

  // Watches a socket as long as it lives; it must go before the socket is closed.
  class Guard {
   public:
    // Shuts the socket down when from now on nothing has come or gone for longer than `most`, up to a second late. What
    // it was silent for before does not count: a pool keeps connections that nobody has used for hours.
    Guard(int socket, Duration most);
    ~Guard();
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

   private:
    int socket_;
  };

  // Another patience with a socket that is watched, from now on.
  void allow(int socket, Duration most);

 private:
  struct Patience {
    Duration most{};
    Duration before{};  // how long it had been silent for when it was asked for; zero once something has come or gone
  };

  SilenceWatch() = default;
  void look_now_and_then(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<int, Patience> sockets_;  // guarded by mutex_
  std::jthread thread_;              // last: it ends before what it uses
};

}  // namespace retraind::store
