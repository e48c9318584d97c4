#include "tests/support/webhook_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <optional>
#include <system_error>

namespace retraind::testing {
namespace {

constexpr int kLookAgainMs = 20;

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// The request's head and body; std::nullopt while some of it is still to come.
std::optional<WebhookServer::Request> parse(const std::string& text) {
  const std::size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string::npos) return std::nullopt;
  WebhookServer::Request request;
  std::size_t line = text.find("\r\n");
  const std::string first = text.substr(0, line);
  request.method = first.substr(0, first.find(' '));
  request.path = first.substr(first.find(' ') + 1, first.rfind(' ') - first.find(' ') - 1);
  while (line < head_end) {
    const std::size_t next = text.find("\r\n", line + 2);
    const std::string header = text.substr(line + 2, next - line - 2);
    const std::size_t colon = header.find(':');
    if (colon != std::string::npos) {
      const std::size_t value = header.find_first_not_of(' ', colon + 1);
      request.headers[lower(header.substr(0, colon))] = value == std::string::npos ? "" : header.substr(value);
    }
    line = next;
  }
  const auto length = request.headers.find("content-length");
  const std::size_t bytes = length == request.headers.end() ? 0 : std::stoul(length->second);
  if (text.size() < head_end + 4 + bytes) return std::nullopt;
  request.body = text.substr(head_end + 4, bytes);
  return request;
}

}  // namespace

WebhookServer::WebhookServer() {
  listening_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (listening_ < 0 || ::bind(listening_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listening_, 16) != 0 || ::getsockname(listening_, reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    throw std::system_error(errno, std::generic_category(), "webhook server");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { serve(); });
}

WebhookServer::~WebhookServer() {
  stopping_ = true;
  thread_.join();
  ::close(listening_);
}

std::string WebhookServer::url() const {
  return fmt::format("http://127.0.0.1:{}/hooks", port_);
}

void WebhookServer::answer_next(Answer answer) {
  const std::lock_guard lock(mutex_);
  answers_.push_back(std::move(answer));
}

std::vector<WebhookServer::Request> WebhookServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void WebhookServer::serve() {
  while (!stopping_) {
    pollfd waiting{listening_, POLLIN, 0};
    if (::poll(&waiting, 1, kLookAgainMs) <= 0) continue;
    const int connection = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    serve_one(connection);
    ::close(connection);
  }
}

void WebhookServer::serve_one(int connection) {
  std::string text;
  std::optional<Request> request;
  char block[4096];
  const auto readable = [&] {
    pollfd waiting{connection, POLLIN, 0};
    return ::poll(&waiting, 1, kLookAgainMs) > 0;
  };
  while (!request && !stopping_) {
    if (!readable()) continue;
    const ssize_t got = ::read(connection, block, sizeof block);
    if (got <= 0) return;
    text.append(block, static_cast<std::size_t>(got));
    request = parse(text);
  }
  if (!request) return;
  Answer answer;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(*request);
    if (!answers_.empty()) {
      answer = answers_.front();
      answers_.pop_front();
    }
  }
  if (answer.hang) {
    // Until the client gives up.
    while (!stopping_) {
      if (readable() && ::read(connection, block, sizeof block) <= 0) return;
    }
    return;
  }
  const std::string out = fmt::format("HTTP/1.1 {} Said\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n{}",
                                      answer.status, answer.body.size(), answer.headers, answer.body);
  for (std::size_t sent = 0; sent < out.size();) {
    const ssize_t got = ::send(connection, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
    if (got <= 0) return;
    sent += static_cast<std::size_t>(got);
  }
}

}  // namespace retraind::testing
