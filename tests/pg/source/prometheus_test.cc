// Against Debian's own Prometheus, and against servers that misbehave.
#include "core/source/prometheus.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <vector>

#include "core/base/error.h"
#include "tests/support/prometheus_server.h"

namespace retraind::source {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kGood =
    R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1435781451.781,"4.5"]}]}})";

#define EXPECT_CONTAINS(text, part) EXPECT_NE((text).find(part), std::string::npos) << text

// The message and hint of the error of class E that `action` throws.
template <class E, class Action>
std::string complaint(const Action& action) {
  try {
    action();
  } catch (const E& error) {
    return error.message_with_hint();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another exception: " << error.what();
    return "";
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

int listen_on_loopback(std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener, 16) != 0 || ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "a socket on the loopback");
  }
  port = ntohs(address.sin_port);
  return listener;
}

using testing::free_port;

// Answers every connection with the same bytes, once it has read a request's head; with none, it stays silent and keeps
// the connection until the end.
class Server {
 public:
  explicit Server(std::string answer, bool silent = false)
      : answer_(std::move(answer)), silent_(silent), listener_(listen_on_loopback(port_)) {
    if (::pipe2(stop_.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
    thread_ = std::thread([this] { serve(); });
  }
  ~Server() {
    ::close(stop_[1]);
    thread_.join();
    ::close(stop_[0]);
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  std::string url() const { return "http://" + host(); }
  // The head of the latest request.
  std::string request() {
    const std::lock_guard lock(mutex_);
    return request_;
  }
  int requests() const { return requests_; }

 private:
  // False when it is time to stop.
  bool wait_for(int descriptor) {
    std::array<pollfd, 2> both = {pollfd{descriptor, POLLIN, 0}, pollfd{stop_[0], POLLIN, 0}};
    while (::poll(both.data(), both.size(), -1) < 0 && errno == EINTR) continue;
    return both[1].revents == 0;
  }

  void serve() {
    while (wait_for(listener_)) {
      const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      std::string head;
      char buffer[4096];
      while (head.find("\r\n\r\n") == std::string::npos && wait_for(client)) {
        const ssize_t got = ::recv(client, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        head.append(buffer, static_cast<std::size_t>(got));
      }
      {
        const std::lock_guard lock(mutex_);
        request_ = head;
      }
      ++requests_;
      if (silent_) {
        while (wait_for(client) && ::recv(client, buffer, sizeof buffer, 0) > 0) continue;
      }
      for (std::size_t sent = 0; sent < answer_.size();) {
        const ssize_t now = ::send(client, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
        if (now <= 0) break;
        sent += static_cast<std::size_t>(now);
      }
      ::close(client);
    }
  }

  std::string answer_;
  bool silent_;
  std::uint16_t port_ = 0;
  int listener_;
  std::array<int, 2> stop_{};
  std::mutex mutex_;
  std::string request_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

std::string http(int status, const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n{}", status, body.size(),
                     headers, body);
}

std::optional<PrometheusSample> ask(const Server& server, Duration timeout = seconds(20)) {
  return query_prometheus(server.url(), "up", timeout);
}

TEST(PrometheusAnswer, IsASampleOfAVectorOrAScalar) {
  const auto vector = parse_prometheus_answer(kGood);
  ASSERT_TRUE(vector.has_value());
  EXPECT_EQ(vector->value, 4.5);
  EXPECT_EQ(vector->at, TimePoint(milliseconds(1435781451781)));
  const auto scalar = parse_prometheus_answer(
      R"({"status":"success","warnings":["x"],"data":{"resultType":"scalar","result":[1700000000,"-1e-07"]}})");
  EXPECT_EQ(scalar->value, -1e-7);
  EXPECT_EQ(scalar->at, TimePoint(seconds(1700000000)));
  EXPECT_FALSE(
      parse_prometheus_answer(R"({"status":"success","data":{"resultType":"vector","result":[]}})").has_value());
}

std::string answer_with(const std::string& value) {
  return R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":)" + value + "}]}}";
}

TEST(PrometheusAnswer, KnowsNoValueWhereTheSampleIsNotANumber) {
  const auto sample = parse_prometheus_answer(answer_with(R"([1,"NaN"])"));
  ASSERT_TRUE(sample.has_value());
  EXPECT_FALSE(sample->value.has_value());
  for (const std::string infinite : {"+Inf", "-Inf"}) {
    EXPECT_CONTAINS(complaint<DataError>([&] { parse_prometheus_answer(answer_with("[1,\"" + infinite + "\"]")); }),
                    "the query's sample is " + infinite);
  }
}

TEST(PrometheusAnswer, IsRefusedWhereItIsNoAnswer) {
  for (const std::string& bad : {std::string(),
                                 std::string("up 1"),
                                 std::string("[]"),
                                 std::string("{}"),
                                 std::string("null"),
                                 std::string(R"({"status":"maybe"})"),
                                 std::string(R"({"status":"success"})"),
                                 std::string(R"({"status":"success","data":{"resultType":"vector","result":{}}})"),
                                 std::string(R"({"status":"success","data":{"resultType":"vector","result":[7]}})"),
                                 std::string(R"({"status":"success","data":{"resultType":"tensor","result":[]}})"),
                                 answer_with(R"([1,"Infinity"])"),
                                 answer_with(R"([1,"infinity"])"),
                                 answer_with(R"([1,"nan"])"),
                                 answer_with(R"([1,"1x"])"),
                                 answer_with(R"([1,""])"),
                                 answer_with(R"([1,"1e999"])"),
                                 answer_with("[1,2]"),
                                 answer_with(R"(["1","2"])"),
                                 answer_with(R"([1e300,"2"])"),
                                 answer_with(R"([1])"),
                                 answer_with("7"),
                                 std::string(kGood).substr(0, 60),
                                 std::string(kGood) + "x",
                                 std::string(100000, '[')}) {
    EXPECT_CONTAINS(complaint<DataError>([&] { parse_prometheus_answer(bad); }), "is not one of Prometheus")
        << bad.substr(0, 200);
  }
}

TEST(PrometheusAnswer, NamesTheFirstTwoOfManySamples) {
  const std::string words = complaint<DataError>([] {
    parse_prometheus_answer(
        R"({"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"up","job":"a"},"value":[1,"1"]},{"metric":{"job":"b","x":"y"},"value":[1,"1"]},
        {"metric":{"job":"c"},"value":[1,"1"]}]}})");
  });
  EXPECT_CONTAINS(words, "the query has 3 samples, and one is expected: up{job=\"a\"} and {job=\"b\",x=\"y\"}, …");
}

TEST(PrometheusAnswer, SaysWhatToPutAroundOtherResults) {
  EXPECT_CONTAINS(complaint<DataError>([] {
                    parse_prometheus_answer(R"({"status":"success","data":{"resultType":"matrix","result":[]}})");
                  }),
                  "last_over_time()");
  EXPECT_CONTAINS(complaint<DataError>([] {
                    parse_prometheus_answer(R"({"status":"success","data":{"resultType":"string","result":[1,"x"]}})");
                  }),
                  "returns a text");
  EXPECT_CONTAINS(
      complaint<DataError>([] {
        parse_prometheus_answer(
            R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{},"histogram":[1,{}]}]}})");
      }),
      "histogram_quantile()");
}

TEST(PrometheusAnswer, ShowsForeignWordsInOneLineAndNotForEver) {
  std::string words = "line\\nnext\\u0000";
  for (int i = 0; i < 400; ++i) words += "ü";
  const std::string shown = complaint<DataError>(
      [&] { parse_prometheus_answer(R"({"status":"error","errorType":"bad_data","error":")" + words + "\"}"); });
  EXPECT_CONTAINS(shown, "the query was refused: line next üü");
  EXPECT_LT(shown.size(), 400u);
  EXPECT_TRUE(shown.ends_with("ü…")) << shown;
}

TEST(PrometheusServer, IsAskedByTheUrlItsPathAndItsPassword) {
  Server server(http(200, kGood));
  const auto sample = query_prometheus("http://reader:ti%20ger@" + server.host() + "/metrics/?token=1",
                                       "a{b=\"c&d\"} + 1", seconds(20));
  EXPECT_EQ(sample->value, 4.5);
  EXPECT_TRUE(
      server.request().starts_with("GET /metrics/api/v1/query?token=1&query=a%7bb%3d%22c%26d%22%7d+%2b+1 HTTP/1.1\r\n"))
      << server.request();
  EXPECT_CONTAINS(server.request(), "Authorization: Basic cmVhZGVyOnRpIGdlcg==\r\n");
}

TEST(PrometheusServer, IsTransientlyAwayWhenItIsDown) {
  const std::string words = complaint<TransientError>([] {
    query_prometheus(fmt::format("http://reader:tiger@127.0.0.1:{}/x?token=lion", free_port()), "up", seconds(20));
  });
  EXPECT_CONTAINS(words, "cannot be reached");
  EXPECT_CONTAINS(words, "http://127.0.0.1:");
  for (const std::string secret : {"tiger", "reader", "lion"})
    EXPECT_EQ(words.find(secret), std::string::npos) << words;
}

TEST(PrometheusServer, IsGivenUpWhenItIsSlow) {
  const Server server("", true);
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(server, milliseconds(200)); }), "did not answer within 200ms");
  EXPECT_THROW(ask(server, Duration::zero()), std::logic_error);
}

TEST(PrometheusServer, IsTransientlyAwayWhenItHangsUp) {
  const Server server("");
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(server); }), "cannot be reached");
  const Server half("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"status\"");
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(half); }), "cannot be reached");
}

TEST(PrometheusServer, IsRefusedWhenItIsNone) {
  for (const std::string& rubbish : {std::string("220 mail.example.org ESMTP\r\n"), std::string("\x16\x03\x01\x02"),
                                     std::string("HTTP/9.9 abc\r\n\r\n")}) {
    const Server server(rubbish);
    EXPECT_CONTAINS(complaint<DataError>([&] { ask(server); }), "does not speak HTTP") << rubbish;
  }
  const Server page(http(200, "<html>hello</html>"));
  EXPECT_CONTAINS(complaint<DataError>([&] { ask(page); }), "prometheus at " + page.url() + "/: the answer is not one");
  const Server nothing(http(404, "404 page not found"));
  EXPECT_CONTAINS(complaint<DataError>([&] { ask(nothing); }), "is no Prometheus: status 404");
  const Server closed(http(401, "who are you"));
  EXPECT_CONTAINS(complaint<DataError>([&] { ask(closed); }), "put user and password into the url");
}

TEST(PrometheusServer, IsReadUpToAMebibyte) {
  const std::string huge(3 << 20, 'x');
  const Server announced(http(200, huge));
  EXPECT_CONTAINS(complaint<DataError>([&] { ask(announced); }), "longer than 1048576 bytes");
  const Server endless("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + huge);
  EXPECT_CONTAINS(complaint<DataError>([&] { ask(endless); }), "longer than 1048576 bytes");
  // Blanks are JSON: the largest answer that is still read.
  const Server large(http(200, kGood + std::string((1 << 20) - std::string(kGood).size(), ' ')));
  EXPECT_EQ(ask(large)->value, 4.5);
}

TEST(PrometheusServer, MayRecoverWhenItFails) {
  const Server busy(http(503, R"({"status":"error","errorType":"timeout","error":"query timed out"})"));
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(busy); }), "answered with status 503: query timed out");
  const Server gateway(http(502, "<html>bad gateway</html>"));
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(gateway); }), "answered with status 502");
  const Server throttled(http(429, ""));
  EXPECT_CONTAINS(complaint<TransientError>([&] { ask(throttled); }), "answered with status 429");
}

TEST(PrometheusServer, IsNotFollowedElsewhere) {
  const Server target(http(200, kGood));
  const Server server(http(302, "", "Location: http://root:tiger@" + target.host() + "/login?session=lion\r\n"));
  const std::string words = complaint<DataError>([&] { ask(server); });
  EXPECT_CONTAINS(words, "redirects to " + target.url() + "/login, and redirects are not followed");
  EXPECT_EQ(words.find("tiger"), std::string::npos) << words;
  EXPECT_EQ(words.find("lion"), std::string::npos) << words;
  EXPECT_EQ(target.requests(), 0);
}

TEST(PrometheusServer, IsSpokenToByHttpOnly) {
  for (const std::string url : {"file:///etc/passwd", "ftp://host/x", "gopher://host", "ldap://host"}) {
    EXPECT_CONTAINS(complaint<DataError>([&] { query_prometheus(url, "up", seconds(1)); }), "not http or https");
  }
  for (const std::string url : {"", "http://", "http://tiger:ti ger@x:99999999", "http://[::1"}) {
    const std::string words = complaint<DataError>([&] { query_prometheus(url, "up", seconds(1)); });
    EXPECT_CONTAINS(words, "cannot be used");
    EXPECT_EQ(words.find("ger@"), std::string::npos) << words;
  }
}

TEST(PrometheusServer, IsAskedByManyThreads) {
  const Server server(http(200, kGood));
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += ask(server)->value == 4.5 ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 8);
}

// Debian's own server, asked as a trigger asks it.
class Prometheus : public testing::PrometheusServer {
 public:
  std::optional<PrometheusSample> query(const std::string& query) const {
    return query_prometheus(url(), query, seconds(20));
  }

  // Until the query's sample is `value`.
  void wait_until(const std::string& expression, double value) const {
    const auto deadline = std::chrono::steady_clock::now() + seconds(60);
    std::string last = "no sample";
    while (std::chrono::steady_clock::now() < deadline && !has_ended()) {
      try {
        const auto sample = query(expression);
        if (sample && sample->value == value) return;
      } catch (const TransientError& error) {
        last = error.what();
      }
      std::this_thread::sleep_for(milliseconds(20));
    }
    throw std::runtime_error(fmt::format("{} did not become {}: {}\n{}", expression, value, last, log()));
  }
};

TEST(RealPrometheus, AnswersWithItsSamples) {
  if (!testing::PrometheusServer::available()) {
    GTEST_SKIP() << "/usr/bin/prometheus is not there; scripts/install_packages installs it";
  }
  Prometheus server;
  server.wait_until("up{job=\"self\"}", 1);
  server.wait_until("up{job=\"nobody\"}", 0);

  const auto up = server.query("up{job=\"self\"}");
  const auto time = server.query("time()");
  ASSERT_TRUE(up && time);
  EXPECT_EQ(up->value, 1.0);
  EXPECT_LE(up->at, time->at);
  EXPECT_NEAR(*time->value, static_cast<double>(time->at.time_since_epoch().count()) / 1e6, 0.01)
      << "a scalar's time is that of its evaluation";
  EXPECT_EQ(server.query("0.1 + 0.2")->value, 0.1 + 0.2) << "digits are kept";
  EXPECT_EQ(server.query("vector(1e-300)")->value, 1e-300);
  EXPECT_EQ(server.query("sum(up)")->value, 1.0);
  EXPECT_FALSE(server.query("up{job=\"nosuch\"}").has_value());
  EXPECT_FALSE(server.query("up > 5").has_value());
  const auto undefined = server.query("vector(0) / 0");
  ASSERT_TRUE(undefined.has_value());
  EXPECT_FALSE(undefined->value.has_value());

  EXPECT_CONTAINS(complaint<DataError>([&] { server.query("vector(1) / 0"); }), "+Inf");
  const std::string two = complaint<DataError>([&] { server.query("up"); });
  EXPECT_CONTAINS(two, "the query has 2 samples, and one is expected: up{");
  EXPECT_CONTAINS(two, "job=\"nobody\"");
  EXPECT_CONTAINS(two, "job=\"self\"");
  const std::string wrong = complaint<DataError>([&] { server.query("up{"); });
  EXPECT_CONTAINS(wrong, "refused the query: ");
  EXPECT_CONTAINS(wrong, "parse error");
  EXPECT_CONTAINS(complaint<DataError>([&] { server.query("up[1m]"); }), "returns a range of samples");
  EXPECT_CONTAINS(complaint<DataError>([&] { server.query("\"text\""); }), "returns a text");
  server.stop();
  EXPECT_THROW(server.query("up"), TransientError);
}

}  // namespace
}  // namespace retraind::source
