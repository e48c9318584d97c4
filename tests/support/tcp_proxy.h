#pragma once
// A proxy of the tests' own between a daemon and PostgreSQL: listens on a port of 127.0.0.1, passes bytes to the
// server's Unix socket, and does to them what networks, poolers and firewalls do. It reads PostgreSQL's messages from
// the client, so that it can cut a connection right before or right after the server has committed. Thread-safe; its
// threads end with it.

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

namespace retraind::testing {

enum class ProxyMode {
  pass,
  refuse,             // accepts nothing: connections are closed at once, those that are there are reset
  reset,              // resets every connection once, then passes
  delay,              // each piece waits 100 ms
  half_open,          // connections that are there stand still: what comes is taken and not passed on; new ones pass
  black_hole,         // new ones stand still as well
  trickle,            // passes 64 bytes every 20 ms
  cut_before_commit,  // the next COMMIT never reaches the server; the connection is reset. Once, then passes
  cut_after_commit,   // the next COMMIT does, but its reply is lost with the connection. Once, then passes
  corrupt,            // one bit of a message's header from the server is turned over. Once, then passes
  deaf,               // notifications from the server are left out, all else passes
};

class TcpProxy {
 public:
  // `server` is the folder of the server's socket.
  explicit TcpProxy(std::filesystem::path server);
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  // Where to connect: "host=127.0.0.1 port=… user=postgres dbname=…".
  std::string conninfo(const std::string& database) const;

  // Takes effect at once, for connections that are there as well.
  void set(ProxyMode mode);
  // How often a mode that acts once has acted, and how many connections were reset or refused.
  int acted() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retraind::testing
