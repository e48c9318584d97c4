#include "tests/support/prometheus_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

namespace retraind::testing {
namespace {

constexpr const char* kPrometheus = "/usr/bin/prometheus";

}  // namespace

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  const bool bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0;
  const int error = errno;
  ::close(fd);
  if (!bound) throw std::system_error(error, std::generic_category(), "bind");
  return ntohs(address.sin_port);
}

bool PrometheusServer::available() {
  return std::filesystem::exists(kPrometheus);
}

PrometheusServer::PrometheusServer() : port_(free_port()) {
  start(
      fmt::format("global:\n  scrape_interval: 100ms\n  scrape_timeout: 100ms\nscrape_configs:\n  - job_name: self\n"
                  "    static_configs:\n      - targets: ['127.0.0.1:{0}']\n  - job_name: nobody\n    static_configs:\n"
                  "      - targets: ['127.0.0.1:1']\n",
                  port_));
}

PrometheusServer::PrometheusServer(const std::string& configuration) : port_(free_port()) {
  start(configuration);
}

void PrometheusServer::start(const std::string& configuration) {
  char folder[] = "/tmp/retraind-prometheus-XXXXXX";
  if (::mkdtemp(folder) == nullptr) throw std::system_error(errno, std::generic_category(), "mkdtemp");
  folder_ = folder;
  std::ofstream(folder_ / "config.yml") << configuration;
  std::vector<std::string> words = {"setpriv",
                                    "--pdeathsig",
                                    "KILL",
                                    kPrometheus,
                                    "--config.file=" + (folder_ / "config.yml").string(),
                                    "--storage.tsdb.path=" + (folder_ / "data").string(),
                                    fmt::format("--web.listen-address=127.0.0.1:{}", port_)};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log_file = (folder_ / "log").string();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_file.c_str(), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  const int failed = posix_spawnp(&child_, "setpriv", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) throw std::system_error(failed, std::generic_category(), "posix_spawn setpriv");
}

PrometheusServer::~PrometheusServer() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string PrometheusServer::url() const {
  return fmt::format("http://127.0.0.1:{}/", port_);
}

void PrometheusServer::stop() {
  if (child_ == 0) return;
  ::kill(child_, SIGKILL);
  ::waitpid(child_, nullptr, 0);
  child_ = 0;
}

bool PrometheusServer::answers() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return connected;
}

bool PrometheusServer::has_ended() const {
  siginfo_t info{};
  // Looks without reaping: stop() does that.
  return ::waitid(P_PID, static_cast<id_t>(child_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

std::string PrometheusServer::log() const {
  std::ifstream file(folder_ / "log");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace retraind::testing
