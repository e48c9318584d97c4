#pragma once
// A small HTTP server on a free loopback port, in a thread of its own: keeps every request and answers with the next of
// the answers it was given, then always with 200. One connection at a time.

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace retraind::testing {

class WebhookServer {
 public:
  struct Answer {
    int status = 200;
    std::string body{};
    std::string headers{};  // more of them, each with "\r\n"
    bool hang = false;      // takes the request and never answers it
  };
  struct Request {
    std::string method;
    std::string path;
    std::map<std::string, std::string> headers;  // names in lower case
    std::string body;
  };

  WebhookServer();
  ~WebhookServer();
  WebhookServer(const WebhookServer&) = delete;
  WebhookServer& operator=(const WebhookServer&) = delete;

  std::string url() const;
  void answer_next(Answer answer);
  std::vector<Request> requests() const;

 private:
  void serve();
  void serve_one(int connection);

  int listening_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::deque<Answer> answers_;
  std::vector<Request> requests_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace retraind::testing
