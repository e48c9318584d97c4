#pragma once
// What is answered to an HTTP request, decided by its head alone: which page, or why none. Pure, and reads no socket
// (http_server.h is that half).
//
// A browser that a web page of somebody else's made to ask names that page's host (DNS rebinding), so only names that
// the configuration knows are answered. Nothing here changes anything, so there is no method but GET and HEAD.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retraind::daemon {

enum class HttpPage { index, metrics, healthz, readyz };

// "/", "/metrics", …
std::string_view path_of(HttpPage page);

// The names under which the server may be asked: localhost, 127.0.0.1, [::1], the address of `listen` ("ADDRESS:PORT"),
// and `more`, which have no ports. Names compare without case; the port beside one may be any, since a tunnel or a
// proxy changes it.
class AllowedHosts {
 public:
  AllowedHosts(std::string_view listen, const std::vector<std::string>& more);

  // `authority` is "host" or "host:port" as it stands in a Host field. False also for what is no authority at all.
  bool allows(std::string_view authority) const;

 private:
  std::vector<std::string> names_;  // lower case
};

// The head of a request.
struct HttpRequest {
  std::string method;              // as sent; methods are case-sensitive
  std::string target;              // origin form, absolute form, "*", or what the client made of it
  std::vector<std::string> hosts;  // the values of all Host fields
  bool has_body = false;           // a Content-Length above 0, or a Transfer-Encoding
};

struct HttpDecision {
  unsigned status = 200;
  std::optional<HttpPage> page{};  // of a 200
  std::string sentence{};          // of everything else; ends without a line break
  bool close = false;              // nothing after this request can be understood
};

HttpDecision decide(const HttpRequest& request, const AllowedHosts& hosts);

}  // namespace retraind::daemon
