#include "daemon/http_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace retraind::daemon {
namespace {

constexpr std::array kPages = {HttpPage::index, HttpPage::metrics, HttpPage::healthz, HttpPage::readyz};
constexpr std::size_t kLongestAuthority = 300;  // a name has at most 253 letters

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Letters of a host name, of an address, and the colon before a port.
bool is_authority(std::string_view text) {
  return !text.empty() && text.size() <= kLongestAuthority && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_' ||
           c == ':' || c == '[' || c == ']';
  });
}

struct Authority {
  std::string_view host;
  std::string_view port;  // empty: none
};

// std::nullopt for what is no "host", "host:port", "[v6]" or "[v6]:port".
std::optional<Authority> split(std::string_view text) {
  if (!is_authority(text)) return std::nullopt;
  const std::size_t end = text.front() == '[' ? text.find(']') : text.find(':');
  if (text.front() == '[' && end == std::string_view::npos) return std::nullopt;
  const std::size_t host_end = text.front() == '[' ? end + 1 : std::min(end, text.size());
  const Authority out{text.substr(0, host_end),
                      host_end < text.size() ? text.substr(host_end + 1) : std::string_view()};
  if (out.host.empty()) return std::nullopt;
  if (host_end == text.size()) return out;
  if (text[host_end] != ':' || out.port.empty() || out.port.size() > 5 ||
      !std::all_of(out.port.begin(), out.port.end(), is_digit)) {
    return std::nullopt;
  }
  return out;
}

std::optional<HttpPage> find_page(std::string_view path) {
  for (const HttpPage page : kPages) {
    if (path == path_of(page)) return page;
  }
  return std::nullopt;
}

// What a client sent may stand in an answer only as far as it cannot be anything but a name.
std::string named(std::string_view authority) {
  return is_authority(authority) ? fmt::format("\"{}\"", authority) : "what it was sent";
}

HttpDecision refuse(unsigned status, std::string sentence, bool close = false) {
  return {.status = status, .page = std::nullopt, .sentence = std::move(sentence), .close = close};
}

}  // namespace

std::string_view path_of(HttpPage page) {
  switch (page) {
    case HttpPage::index:
      return "/";
    case HttpPage::metrics:
      return "/metrics";
    case HttpPage::healthz:
      return "/healthz";
    case HttpPage::readyz:
      return "/readyz";
  }
  return "/";
}

AllowedHosts::AllowedHosts(std::string_view listen, const std::vector<std::string>& more)
    : names_{"localhost", "127.0.0.1", "[::1]"} {
  if (const auto own = split(listen)) names_.push_back(lower(own->host));
  for (const std::string& name : more) names_.push_back(lower(name));
}

bool AllowedHosts::allows(std::string_view authority) const {
  const auto asked = split(authority);
  if (!asked) return false;
  return std::find(names_.begin(), names_.end(), lower(asked->host)) != names_.end();
}

HttpDecision decide(const HttpRequest& request, const AllowedHosts& hosts) {
  const bool reads = request.method == "GET" || request.method == "HEAD";
  // A body is not read, so that what follows it could not be told from it.
  const bool close = request.has_body;
  if (!reads) return refuse(405, "only GET and HEAD are answered here", close);
  if (request.has_body) return refuse(400, "a request here has no body", true);
  if (request.hosts.size() != 1) {
    return refuse(400, request.hosts.empty() ? "the request has no Host field" : "the request has several Host fields",
                  true);
  }
  // The absolute form says itself whom it is for; its authority counts instead of the Host field (RFC 9112, 3.2.2).
  std::string_view target = request.target;
  std::string_view authority = request.hosts.front();
  if (lower(target.substr(0, 7)) == "http://") {
    target.remove_prefix(7);
    authority = target.substr(0, target.find_first_of("/?"));
    target.remove_prefix(authority.size());
    if (target.empty()) target = "/";
  }
  if (!hosts.allows(authority)) {
    return refuse(421, fmt::format("this server does not answer as {}; add the name to http.allowed_hosts if it should",
                                   named(authority)));
  }
  if (target.empty() || target.front() != '/') return refuse(400, "the request names no path");
  const auto page = find_page(target.substr(0, target.find('?')));
  if (!page) return refuse(404, "there is no such page; / lists those that are there");
  return {.status = 200, .page = page};
}

}  // namespace retraind::daemon
