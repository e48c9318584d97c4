#include "daemon/http_server.h"

#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <optional>

#include "daemon/http_head.h"
#include "daemon/log.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;

constexpr std::size_t kMaxConnections = 32;
constexpr std::size_t kMaxBufferBytes = 2 * kMaxHeadBytes;
constexpr std::size_t kReadBytes = 4 * 1024;
constexpr int kMaxRequests = 1000;  // on one connection
constexpr auto kHeadTime = std::chrono::seconds(10);
constexpr auto kIdleTime = std::chrono::minutes(2);  // scrapers come back every minute, on the same connection
constexpr auto kSendTime = std::chrono::seconds(30);
// After a last answer: what the client still sends is read and dropped, or it would never see the answer.
constexpr auto kLingerTime = std::chrono::seconds(1);
constexpr std::size_t kLingerBytes = 64 * 1024;
constexpr auto kListenAgain = std::chrono::seconds(10);
constexpr auto kAcceptAgain = std::chrono::seconds(1);

constexpr const char* kText = "text/plain; charset=utf-8";
constexpr const char* kExpositionFormat = "text/plain; version=0.0.4; charset=utf-8";

tcp::endpoint endpoint_of(const std::string& listen) {
  const std::size_t colon = listen.rfind(':');
  std::string address = listen.substr(0, colon);
  if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
  // The settings let nothing else than an address in numbers and a port through.
  return {asio::ip::make_address(address), static_cast<asio::ip::port_type>(std::stoul(listen.substr(colon + 1)))};
}

std::string index_text() {
  return "retraind " RETRAIND_VERSION
         "\n\n"
         "/metrics  what it does, for Prometheus\n"
         "/healthz  200 while it is alive\n"
         "/readyz   200 while it can write to its registry\n";
}

}  // namespace

std::string exposure_warning(const std::string& listen) {
  if (listen.empty() || endpoint_of(listen).address().is_loopback()) return "";
  return fmt::format(
      "the HTTP server listens on {}, which other machines may reach; it asks for no password, and whoever reaches it "
      "reads the names of models and how they fare",
      listen);
}

// One client.
struct HttpServer::Connection {
  explicit Connection(tcp::socket accepted) : socket(std::move(accepted)), timer(socket.get_executor()) {}

  tcp::socket socket;
  beast::flat_buffer buffer{kMaxBufferBytes};
  asio::steady_timer timer;
  bool late = false;
  std::optional<steady_clock::time_point> idle_since;

  // From now on what is awaited must be there in time; what is not is broken off with late set.
  static void allow(const std::shared_ptr<Connection>& self, steady_clock::duration time) {
    self->late = false;
    self->timer.expires_after(time);
    self->timer.async_wait([self](const boost::system::error_code& error) {
      // A timer that was set anew meanwhile may have this call under way already.
      if (error || self->timer.expiry() > steady_clock::now()) return;
      self->late = true;
      self->end();
    });
  }
  void end() {
    boost::system::error_code ignored;
    socket.cancel(ignored);
  }
};

// What is sent.
struct HttpServer::Reply {
  unsigned status = 200;
  std::string page = "none";  // for the count
  const char* type = kText;
  std::shared_ptr<const std::string> body;
  unsigned version = 11;
  bool head_only = false;
  bool keep_alive = true;

  void say(const std::string& sentence) { body = std::make_shared<const std::string>(sentence + "\n"); }
};

HttpServer::HttpServer(Context& context, Exposition& exposition)
    : context_(context), exposition_(exposition), changed_(context.io) {}

HttpServer::~HttpServer() = default;

asio::awaitable<void> HttpServer::run() {
  std::string told;  // one complaint for each trouble, not one for each try
  while (!stopping_) {
    const std::string wanted = context_.settings->http.listen;
    if (wanted != listening_on_) close_listener();
    if (!wanted.empty() && !acceptor_) {
      std::string trouble;
      try {
        listen(wanted);
        told.clear();
      } catch (const std::exception& error) {
        trouble = error.what();
      }
      if (!trouble.empty() && trouble != told) {
        log_event(Event::http_unavailable,
                  fmt::format("cannot listen on {} (http.listen): {}; everything else goes on, and it is tried again "
                              "every {} s and at reload",
                              wanted, trouble, kListenAgain.count()));
        told = trouble;
      }
    }
    const bool settled = wanted.empty() || acceptor_;
    co_await changed_.wait(settled ? std::chrono::microseconds(std::chrono::hours(1))
                                   : std::chrono::microseconds(kListenAgain));
  }
  close_listener();
  while (!connections_.empty()) {
    for (const auto& connection : connections_) connection->end();
    co_await changed_.wait(std::chrono::milliseconds(100));
  }
}

void HttpServer::stop() {
  stopping_ = true;
  changed_.ring();
}

void HttpServer::listen(const std::string& address) {
  const tcp::endpoint endpoint = endpoint_of(address);
  auto acceptor = std::make_shared<tcp::acceptor>(context_.io);
  acceptor->open(endpoint.protocol());
  acceptor->set_option(asio::socket_base::reuse_address(true));
  acceptor->bind(endpoint);
  acceptor->listen();
  acceptor_ = acceptor;
  listening_on_ = address;
  log_info(fmt::format("metrics and health at http://{}/", address));
  if (const std::string warning = exposure_warning(address); !warning.empty()) {
    log_event(Event::http_exposed, warning);
  }
  asio::co_spawn(context_.io, accept(acceptor), asio::detached);
}

void HttpServer::close_listener() {
  boost::system::error_code ignored;
  if (acceptor_) acceptor_->close(ignored);
  acceptor_.reset();
  listening_on_.clear();
}

asio::awaitable<void> HttpServer::accept(std::shared_ptr<tcp::acceptor> acceptor) {
  asio::steady_timer timer(context_.io);
  while (acceptor->is_open()) {
    tcp::socket socket(context_.io);
    boost::system::error_code error;
    co_await acceptor->async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
    if (!error) {
      admit(std::move(socket));
      continue;
    }
    if (!acceptor->is_open()) break;
    // Out of descriptors, most likely: trying again at once would only make the processor hot.
    log_debug(fmt::format("an HTTP connection could not be accepted: {}", error.message()));
    timer.expires_after(kAcceptAgain);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

void HttpServer::admit(tcp::socket socket) {
  if (connections_.size() >= kMaxConnections) {
    std::shared_ptr<Connection> idle;
    for (const auto& connection : connections_) {
      if (connection->idle_since && (!idle || *connection->idle_since < *idle->idle_since)) idle = connection;
    }
    if (!idle) {
      context_.metrics.connection_refused();
      constexpr std::string_view kBusy =
          "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\nContent-Length: 26\r\nConnection: "
          "close\r\n\r\ntoo many open connections\n";
      boost::system::error_code ignored;
      socket.non_blocking(true, ignored);
      socket.write_some(asio::buffer(kBusy), ignored);
      socket.shutdown(tcp::socket::shutdown_send, ignored);
      return;
    }
    // Taken out at once, so that two newcomers do not count on the same place.
    idle->end();
    idle->idle_since.reset();
    connections_.remove(idle);
  }
  const auto connection = std::make_shared<Connection>(std::move(socket));
  connections_.push_back(connection);
  context_.metrics.connection_opened();
  asio::co_spawn(context_.io, serve(connection), asio::detached);
}

asio::awaitable<void> HttpServer::serve(std::shared_ptr<Connection> connection) {
  std::string bug;
  try {
    bool more = true;
    // What was idle for too long, or had to make room, is owed nothing.
    for (int served = 0; more && served < kMaxRequests && !stopping_; ++served) {
      if (connection->buffer.size() == 0) {
        connection->idle_since = steady_clock::now();
        Connection::allow(connection, served == 0 ? kHeadTime : kIdleTime);
        boost::system::error_code error;
        const auto space = connection->buffer.prepare(kReadBytes);
        const std::size_t got =
            co_await connection->socket.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
        connection->idle_since.reset();
        if (error) break;
        connection->buffer.commit(got);
      }
      Connection::allow(connection, kHeadTime);
      more = co_await serve_one(connection, served + 1 == kMaxRequests);
    }
    boost::system::error_code error;
    connection->socket.shutdown(tcp::socket::shutdown_send, error);
    Connection::allow(connection, kLingerTime);
    for (std::size_t dropped = 0; !more && dropped < kLingerBytes && !stopping_;) {
      connection->buffer.clear();
      const auto space = connection->buffer.prepare(kReadBytes);
      dropped += co_await connection->socket.async_read_some(space, asio::redirect_error(asio::use_awaitable, error));
      if (error) break;
    }
  } catch (const std::exception& error) {
    bug = error.what();
  }
  if (!bug.empty()) log_event(Event::http_fault, fmt::format("an HTTP connection was broken off: {}", bug));
  boost::system::error_code ignored;
  connection->timer.cancel();
  connection->socket.close(ignored);
  connections_.remove(connection);
  context_.metrics.connection_closed();
  if (stopping_) changed_.ring();
}

asio::awaitable<bool> HttpServer::serve_one(std::shared_ptr<Connection> connection, bool last) {
  HttpHeadParser parser;
  prepare(parser);
  boost::system::error_code error;
  // The parser's own limit is one of a field: many small ones would pass it.
  std::size_t head_bytes = 0;
  while (!error && !parser.is_header_done()) {
    head_bytes += co_await http::async_read_some(connection->socket, connection->buffer, parser,
                                                 asio::redirect_error(asio::use_awaitable, error));
    if (!error && head_bytes > kMaxHeadBytes) error = http::error::header_limit;
  }
  Reply reply;
  if (error) {
    reply.keep_alive = false;
    if (connection->late) {
      reply.status = 408;
      reply.say(fmt::format("the head of the request was not there within {} s", kHeadTime.count()));
    } else if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      reply.status = 431;
      reply.say(fmt::format("the head of the request is larger than {} bytes", kMaxHeadBytes));
    } else if (error.category() == http::make_error_code(http::error::bad_method).category() &&
               error != http::error::end_of_stream && error != http::error::partial_message) {
      reply.status = 400;
      reply.say("the request cannot be understood: " + error.message());
    } else {
      co_return false;  // the client has gone
    }
  } else {
    const auto& head = parser.get();
    const HttpRequest request = request_of(parser);
    const settings::Http& settings = context_.settings->http;
    const HttpDecision decision = decide(request, AllowedHosts(settings.listen, settings.allowed_hosts));
    reply.status = decision.status;
    reply.version = head.version();
    reply.head_only = request.method == "HEAD";
    reply.keep_alive = head.keep_alive() && !decision.close && !last;
    if (decision.page) {
      reply.page = std::string(path_of(*decision.page));
      connection->timer.cancel();
      co_await answer(*decision.page, reply);
    } else {
      reply.say(decision.sentence);
    }
  }
  const bool sent = co_await send(connection, reply);
  context_.metrics.request_answered(reply.page, reply.status);
  co_return sent&& reply.keep_alive;
}

asio::awaitable<void> HttpServer::answer(HttpPage page, Reply& reply) {
  HealthAnswer health{.well = true, .sentence = ""};
  switch (page) {
    case HttpPage::index:
      reply.body = std::make_shared<const std::string>(index_text());
      co_return;
    case HttpPage::metrics: {
      std::string failed;
      try {
        co_await exposition_.text(reply.body);
      } catch (const std::exception& error) {
        failed = error.what();
      }
      if (failed.empty()) {
        reply.type = kExpositionFormat;
      } else {
        log_event(Event::http_fault, fmt::format("the page /metrics could not be made: {}", failed));
        reply.status = 500;
        reply.say("the page could not be made; the log says why");
      }
      co_return;
    }
    case HttpPage::healthz:
      health = context_.health.life();
      break;
    case HttpPage::readyz:
      health = context_.health.readiness(context_.stopping, context_.settings->daemon.poll_interval);
      break;
  }
  reply.status = health.well ? 200 : 503;
  reply.say(health.sentence);
}

asio::awaitable<bool> HttpServer::send(std::shared_ptr<Connection> connection, const Reply& reply) {
  const auto fill = [&reply](auto& message) {
    message.version(reply.version);
    message.result(reply.status);
    message.set(http::field::content_type, reply.type);
    message.set("X-Content-Type-Options", "nosniff");
    message.set(http::field::cache_control, "no-store");
    if (reply.status == 405) message.set(http::field::allow, "GET, HEAD");
    message.keep_alive(reply.keep_alive);
    message.content_length(reply.body->size());
  };
  Connection::allow(connection, kSendTime);
  boost::system::error_code error;
  if (reply.head_only) {
    http::response<http::empty_body> message;
    fill(message);
    co_await http::async_write(connection->socket, message, asio::redirect_error(asio::use_awaitable, error));
  } else {
    http::response<http::span_body<const char>> message;
    fill(message);
    message.body() = {reply.body->data(), reply.body->size()};
    co_await http::async_write(connection->socket, message, asio::redirect_error(asio::use_awaitable, error));
  }
  co_return !error;
}

}  // namespace retraind::daemon
