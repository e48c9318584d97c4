#pragma once
// What systemd is to the daemon, as far as tests need it: a datagram socket that hears what a unit of Type=notify says,
// or what is written to the journal. A thread of its own reads, since whoever writes to a full socket waits.

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace retraind::testing {

class DatagramSocket {
 public:
  explicit DatagramSocket(std::filesystem::path path) : path_(std::move(path)) {
    fd_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = path_.string();
    if (fd_ < 0 || text.size() >= sizeof address.sun_path) throw std::runtime_error("no socket at " + text);
    text.copy(address.sun_path, text.size());
    if (::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      throw std::runtime_error("cannot bind " + text);
    }
    reader_ = std::thread([this] { read(); });
  }

  ~DatagramSocket() {
    ::shutdown(fd_, SHUT_RD);
    reader_.join();
    ::close(fd_);
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // In the order they came.
  std::vector<std::string> messages() const {
    const std::lock_guard lock(mutex_);
    return messages_;
  }

  // How many of them hold this line.
  std::size_t count(const std::string& line) const {
    const auto all = messages();
    return static_cast<std::size_t>(
        std::count_if(all.begin(), all.end(), [&](const auto& message) { return has_line(message, line); }));
  }

  // The newest value of a field; empty when it never came.
  std::string newest(const std::string& field) const {
    const auto all = messages();
    for (auto message = all.rbegin(); message != all.rend(); ++message) {
      if (const std::string value = value_of(*message, field); !value.empty()) return value;
    }
    return "";
  }

  static bool has_line(const std::string& message, const std::string& line) {
    return ("\n" + message + "\n").find("\n" + line + "\n") != std::string::npos;
  }

  static std::string value_of(const std::string& message, const std::string& field) {
    const std::string text = "\n" + message + "\n";
    const auto at = text.find("\n" + field + "=");
    if (at == std::string::npos) return "";
    const auto begin = at + field.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }

 private:
  void read() {
    std::string buffer(65536, '\0');
    while (true) {
      const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      const std::lock_guard lock(mutex_);
      messages_.emplace_back(buffer.data(), static_cast<std::size_t>(got));
    }
  }

  std::filesystem::path path_;
  int fd_ = -1;
  mutable std::mutex mutex_;
  std::vector<std::string> messages_;  // guarded by mutex_
  std::thread reader_;
};

}  // namespace retraind::testing
