#pragma once
// The HTTP server: /metrics, /healthz and /readyz for whoever watches the daemon. Reads and tells, changes nothing, and
// asks for no password; TLS is a proxy's business. What is answered is decided in http_request.h; here are sockets and
// the bounds on what a client may cost:
//
//   32 connections (the one that has been idle for longest makes room for another; when none is idle, 503)
//   8 KiB of head, which must be there within 10 s; no body; 1000 requests and 2 min of idling on one connection
//   30 s to take an answer
//
// An address that cannot be had stops nothing: the daemon works on, and the server tries again every ten seconds. A
// changed address or list of hosts counts from the reload on.
//
// Owned by Daemon; used on the thread of the io_context.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <list>
#include <memory>
#include <string>

#include "daemon/context.h"
#include "daemon/exposition.h"
#include "daemon/http_request.h"
#include "daemon/wakeup.h"

namespace retraind::daemon {

// "the HTTP server would listen on 0.0.0.0:9464 …" for an address that others than this machine reach; empty for
// loopback and for none.
std::string exposure_warning(const std::string& listen);

class HttpServer {
 public:
  HttpServer(Context& context, Exposition& exposition);
  ~HttpServer();

  // Listens until stop(), and returns when no connection is left.
  boost::asio::awaitable<void> run();
  // The settings have changed.
  void reconfigure() { changed_.ring(); }
  void stop();

 private:
  struct Connection;
  struct Reply;

  void listen(const std::string& address);  // throws boost::system::system_error
  void close_listener();
  boost::asio::awaitable<void> accept(std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor);
  void admit(boost::asio::ip::tcp::socket socket);
  boost::asio::awaitable<void> serve(std::shared_ptr<Connection> connection);
  // False: nothing more is read.
  boost::asio::awaitable<bool> serve_one(std::shared_ptr<Connection> connection, bool last);
  boost::asio::awaitable<void> answer(HttpPage page, Reply& reply);
  boost::asio::awaitable<bool> send(std::shared_ptr<Connection> connection, const Reply& reply);

  Context& context_;
  Exposition& exposition_;
  Wakeup changed_;
  std::shared_ptr<boost::asio::ip::tcp::acceptor> acceptor_;
  std::string listening_on_;
  std::list<std::shared_ptr<Connection>> connections_;
  bool stopping_ = false;
};

}  // namespace retraind::daemon
