#pragma once
// Debian's own Prometheus as a child process on a free loopback port, scraping itself (job "self") and nobody (job
// "nobody") ten times a second, or what it is told. Killed when its object goes. One thread.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>

namespace retraind::testing {

class PrometheusServer {
 public:
  // False: /usr/bin/prometheus is not there, and a test has to skip.
  static bool available();

  PrometheusServer();  // starts it
  // With its whole configuration.
  explicit PrometheusServer(const std::string& configuration);
  ~PrometheusServer();
  PrometheusServer(const PrometheusServer&) = delete;
  PrometheusServer& operator=(const PrometheusServer&) = delete;

  std::string url() const;
  std::uint16_t port() const { return port_; }
  void stop();
  // Whether it takes connections already.
  bool answers() const;
  // Whether it has ended by itself.
  bool has_ended() const;
  std::string log() const;

 private:
  void start(const std::string& configuration);

  std::filesystem::path folder_;
  std::uint16_t port_ = 0;
  pid_t child_ = 0;
};

// A port on which nobody listens just now.
std::uint16_t free_port();

}  // namespace retraind::testing
