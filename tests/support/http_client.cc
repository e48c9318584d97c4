#include "tests/support/http_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <utility>

namespace retraind::testing {

HttpClient::HttpClient(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    if (fd_ >= 0) ::close(fd_);
    throw std::runtime_error("nobody listens on port " + std::to_string(port));
  }
}

HttpClient::~HttpClient() {
  if (fd_ >= 0) ::close(fd_);
}

HttpClient::HttpClient(HttpClient&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), closed_(other.closed_), pending_(std::move(other.pending_)) {}

bool HttpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool HttpClient::receive(std::chrono::steady_clock::time_point until) {
  if (closed_) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
  pollfd waited{.fd = fd_, .events = POLLIN, .revents = 0};
  if (left.count() <= 0 || ::poll(&waited, 1, static_cast<int>(left.count())) <= 0) return false;
  char block[16384];
  const ssize_t got = ::recv(fd_, block, sizeof block, 0);
  if (got <= 0) {
    closed_ = true;
    return false;
  }
  pending_.append(block, static_cast<std::size_t>(got));
  return true;
}

std::optional<HttpReply> HttpClient::reply(std::chrono::seconds deadline, bool head_only) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  std::size_t end = 0;
  while ((end = pending_.find("\r\n\r\n")) == std::string::npos) {
    if (!receive(until)) return std::nullopt;
  }
  HttpReply out;
  out.head = pending_.substr(0, end + 2);
  out.status = std::atoi(out.head.c_str() + out.head.find(' ') + 1);
  constexpr std::string_view kLength = "\r\nContent-Length: ";
  const std::size_t at = out.head.find(kLength);
  if (at == std::string::npos && !head_only) {
    // Its end is that of the connection.
    while (receive(until)) {
    }
    if (!closed_) return std::nullopt;
    out.body = pending_.substr(end + 4);
    pending_.clear();
    return out;
  }
  const std::size_t length = head_only ? 0 : std::strtoul(out.head.c_str() + at + kLength.size(), nullptr, 10);
  while (pending_.size() < end + 4 + length) {
    if (!receive(until)) return std::nullopt;
  }
  out.body = pending_.substr(end + 4, length);
  pending_.erase(0, end + 4 + length);
  return out;
}

bool HttpClient::is_closed_within(std::chrono::seconds deadline) {
  const auto until = std::chrono::steady_clock::now() + deadline;
  while (receive(until)) pending_.clear();
  return closed_;
}

std::optional<HttpReply> http_get(std::uint16_t port, const std::string& target, const std::string& host) {
  try {
    HttpClient client(port);
    // By HTTP/1.0, in which no server cuts its answer into chunks.
    client.send("GET " + target + " HTTP/1.0\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    return client.reply();
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

}  // namespace retraind::testing
