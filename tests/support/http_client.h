#pragma once
// One HTTP/1.1 connection to loopback, byte by byte as a test wants it: what a library would never send can be sent.
// One thread.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retraind::testing {

struct HttpReply {
  int status = 0;
  std::string head;  // status line and fields, with their line breaks
  std::string body;
};

class HttpClient {
 public:
  // Throws std::runtime_error when nobody listens.
  explicit HttpClient(std::uint16_t port);
  ~HttpClient();
  HttpClient(HttpClient&& other) noexcept;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // False when the peer has closed.
  bool send(std::string_view bytes);
  // The next answer, by its Content-Length; of a HEAD request only its head. std::nullopt when the connection ended
  // before, or nothing came for so long.
  std::optional<HttpReply> reply(std::chrono::seconds deadline = std::chrono::seconds(30), bool head_only = false);
  // Whether the peer closes within the deadline, whatever it sends before.
  bool is_closed_within(std::chrono::seconds deadline);

 private:
  bool receive(std::chrono::steady_clock::time_point until);  // false: closed, or too late

  int fd_ = -1;
  bool closed_ = false;
  std::string pending_;
};

// One request on a connection of its own. std::nullopt when nobody listens or answers.
std::optional<HttpReply> http_get(std::uint16_t port, const std::string& target, const std::string& host = "localhost");

}  // namespace retraind::testing
