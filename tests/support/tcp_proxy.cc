#include "tests/support/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace retraind::testing {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

// Frames of PostgreSQL's protocol in one direction: a type byte and a length that includes itself. The client's first
// message has no type; one that asks for TLS or GSS is answered by the server with a single byte, which the caller
// turns down itself before it makes a Frames.
class Frames {
 public:
  void feed(const char* bytes, std::size_t count) { buffer_.append(bytes, count); }

  // The next whole message, or an empty string.
  std::string next(bool has_type) {
    const std::size_t header = has_type ? 5 : 4;
    if (buffer_.size() < header) return {};
    std::uint32_t length = 0;
    std::memcpy(&length, buffer_.data() + (has_type ? 1 : 0), 4);
    const std::size_t whole = ntohl(length) + (has_type ? 1U : 0U);
    if (buffer_.size() < whole) return {};
    std::string out = buffer_.substr(0, whole);
    buffer_.erase(0, whole);
    return out;
  }

 private:
  std::string buffer_;
};

bool send_all(int fd, const std::string& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t got = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    sent += static_cast<std::size_t>(got);
  }
  return true;
}

void reset(int fd) {
  // With a linger of nothing, close() sends RST.
  const linger none{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
}

}  // namespace

struct TcpProxy::Impl {
  std::filesystem::path server;
  int listening = -1;
  int port = 0;
  std::atomic<ProxyMode> mode = ProxyMode::pass;
  std::atomic<int> generation = 0;  // grows with each set(): a connection older than a reset is reset
  std::atomic<int> acted = 0;
  std::atomic<bool> stopping = false;
  std::thread acceptor;
  std::mutex mutex;
  std::list<std::thread> threads;  // guarded by mutex

  // True for one caller after each set() to this mode.
  bool take(ProxyMode wanted) {
    ProxyMode expected = wanted;
    if (!mode.compare_exchange_strong(expected, ProxyMode::pass)) return false;
    ++acted;
    return true;
  }

  int connect_to_server() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = server / ".s.PGSQL.5432";
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      ::close(fd);
      return -1;
    }
    return fd;
  }

  void accept_connections() {
    while (!stopping) {
      pollfd entry{.fd = listening, .events = POLLIN, .revents = 0};
      if (::poll(&entry, 1, 20) <= 0) continue;
      const int client = ::accept4(listening, nullptr, nullptr, SOCK_CLOEXEC);
      if (client < 0) continue;
      // What the proxy passes on, it passes on at once: an answer of several pieces must not wait for acknowledgements.
      const int at_once = 1;
      ::setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
      if (mode == ProxyMode::refuse) {
        ++acted;
        reset(client);
        ::close(client);
        continue;
      }
      const std::lock_guard lock(mutex);
      threads.emplace_back([this, client] { serve(client); });
    }
  }

  void serve(int client) {
    const int born = generation;
    const int upstream = mode == ProxyMode::black_hole ? -2 : connect_to_server();
    if (upstream != -1) pass_bytes(client, upstream, born);
    reset(client);
    ::close(client);
    if (upstream >= 0) ::close(upstream);
  }

  void pause(std::chrono::milliseconds length) const {
    for (auto left = length; left.count() > 0 && !stopping; left -= std::chrono::milliseconds(10)) {
      std::this_thread::sleep_for(std::min(left, std::chrono::milliseconds(10)));
    }
  }

  // What one direction does to a piece; false ends the connection.
  bool forward(int to, const std::string& bytes) const {
    if (mode == ProxyMode::delay) pause(std::chrono::milliseconds(100));
    if (mode != ProxyMode::trickle) return send_all(to, bytes);
    for (std::size_t at = 0; at < bytes.size(); at += 64) {
      if (!send_all(to, bytes.substr(at, 64))) return false;
      if (mode == ProxyMode::trickle) pause(std::chrono::milliseconds(20));
    }
    return true;
  }

  void pass_bytes(int client, int upstream, int born) {
    Frames from_client;
    Frames from_server;
    bool begun = false;             // the start-up message has passed
    bool commit_under_way = false;  // its reply is to be lost
    std::vector<char> buffer(1 << 16);
    while (!stopping) {
      const ProxyMode now = mode;
      if ((now == ProxyMode::refuse || now == ProxyMode::reset) && born != generation) {
        ++acted;
        return;
      }
      const auto stands_still = [&] {
        return mode == ProxyMode::black_hole || (mode == ProxyMode::half_open && born != generation);
      };
      pollfd entries[2] = {{.fd = client, .events = POLLIN, .revents = 0},
                           {.fd = upstream < 0 ? -1 : upstream, .events = POLLIN, .revents = 0}};
      if (::poll(entries, 2, 20) < 0) return;
      if (entries[0].revents != 0) {
        const ssize_t got = ::recv(client, buffer.data(), buffer.size(), 0);
        if (got <= 0) {
          // The server does not hear of it either, as long as the mode lasts.
          while (stands_still() && !stopping) pause(std::chrono::milliseconds(20));
          return;
        }
        if (upstream < 0 || stands_still()) continue;
        from_client.feed(buffer.data(), static_cast<std::size_t>(got));
        for (std::string message = from_client.next(begun); !message.empty(); message = from_client.next(begun)) {
          if (!begun) {
            std::uint32_t code = 0;
            std::memcpy(&code, message.data() + 4, 4);
            if (ntohl(code) == 80877103 || ntohl(code) == 80877104) {  // SSLRequest, GSSENCRequest
              if (!send_all(client, "N")) return;
              continue;
            }
            begun = true;
          }
          const bool is_commit = message[0] == 'Q' && message.find("COMMIT") != std::string::npos;
          if (is_commit && take(ProxyMode::cut_before_commit)) return;
          if (is_commit && take(ProxyMode::cut_after_commit)) commit_under_way = true;
          if (!forward(upstream, message)) return;
        }
      }
      if (entries[1].revents != 0) {
        const ssize_t got = ::recv(upstream, buffer.data(), buffer.size(), 0);
        if (got <= 0) return;
        if (stands_still()) continue;
        from_server.feed(buffer.data(), static_cast<std::size_t>(got));
        for (std::string message = from_server.next(true); !message.empty(); message = from_server.next(true)) {
          // ReadyForQuery says that the server is through with it.
          if (commit_under_way && message[0] == 'Z') return;
          if (commit_under_way) continue;
          if (mode == ProxyMode::deaf && message[0] == 'A') continue;
          if (message[0] == 'T' && take(ProxyMode::corrupt)) {
            // In turn the message's kind, and its length: then the client waits for a gigabyte that never comes.
            const std::size_t at = acted % 2 == 0 ? 0 : 1;
            message[at] = static_cast<char>(message[at] ^ 0x20);
          }
          if (!forward(client, message)) return;
        }
      }
    }
  }
};

TcpProxy::TcpProxy(std::filesystem::path server) : impl_(std::make_unique<Impl>()) {
  impl_->server = std::move(server);
  impl_->listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (impl_->listening < 0) fail("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (::bind(impl_->listening, reinterpret_cast<const sockaddr*>(&address), size) != 0) fail("bind");
  if (::listen(impl_->listening, 100) != 0) fail("listen");
  if (::getsockname(impl_->listening, reinterpret_cast<sockaddr*>(&address), &size) != 0) fail("getsockname");
  impl_->port = ntohs(address.sin_port);
  impl_->acceptor = std::thread([this] { impl_->accept_connections(); });
}

TcpProxy::~TcpProxy() {
  impl_->stopping = true;
  impl_->acceptor.join();
  for (std::thread& thread : impl_->threads) thread.join();
  ::close(impl_->listening);
}

std::string TcpProxy::conninfo(const std::string& database) const {
  return fmt::format("host=127.0.0.1 port={} user=postgres dbname={}", impl_->port, database);
}

void TcpProxy::set(ProxyMode mode) {
  impl_->mode = mode;
  ++impl_->generation;
}

int TcpProxy::acted() const {
  return impl_->acted;
}

}  // namespace retraind::testing
