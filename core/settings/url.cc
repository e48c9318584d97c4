#include "core/settings/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace retraind::settings {
namespace {

// What an address is for, in the words of complaints.
struct Use {
  std::string_view form;
  std::string_view no_query;  // why there is no query in it
};
constexpr Use kServer = {R"(expected the address of a server, such as "http://127.0.0.1:9090")",
                         "as the query is a key of its own"};
constexpr Use kWebhook = {R"(expected an address such as "https://example.com/hooks/retraind")",
                          "as a token in it would be a secret; use webhook_secret_file"};

bool is_port(std::string_view text) {
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, port);
  return error == std::errc{} && stop == end && port >= 1 && port <= 65535;
}

// Letters, digits and what else stands in names and addresses; an underscore is no part of a name by the book, and is
// one in many networks.
bool is_host(std::string_view text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), fits);
}

bool is_ipv6(std::string_view text) {
  return text.size() >= 2 && text.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
         text.find(':') != std::string_view::npos;
}

std::optional<std::string> find_fault(std::string_view url, const Use& use) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return std::string(use.form) + "; it begins neither with http:// nor with https://";
  }
  const auto authority_end = std::min(rest.find_first_of("/?#"), rest.size());
  // A password may hold a '/' or '?' that was not encoded; it is a secret all the same.
  if (rest.find('@') != std::string_view::npos) {
    return std::string(
        "a user or a password must not stand in the configuration; let a proxy on this host add it, and name the proxy "
        "here");
  }
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return fmt::format("{}; a '?' or '#' does not belong in it, {}", use.form, use.no_query);
  }
  const auto is_plain = [](char c) { return c > ' ' && c < '\x7f' && c != '"' && c != '\\'; };
  if (!std::all_of(rest.begin(), rest.end(), is_plain)) {
    return std::string(use.form) + "; there is a space, a control character or a letter outside ASCII in it";
  }
  std::string_view authority = rest.substr(0, authority_end);
  if (authority.starts_with('[')) {
    const auto bracket = authority.find(']');
    if (bracket == std::string_view::npos || !is_ipv6(authority.substr(1, bracket - 1))) {
      return std::string(use.form) + "; what stands in its brackets is no IPv6 address";
    }
    authority.remove_prefix(bracket + 1);
    if (authority.empty()) return std::nullopt;
    if (authority.front() != ':') return std::string(use.form) + "; something follows the ']'";
  } else {
    const auto colon = std::min(authority.find(':'), authority.size());
    if (!is_host(authority.substr(0, colon))) return std::string(use.form) + "; it has no host that could be one";
    authority.remove_prefix(colon);
    if (authority.empty()) return std::nullopt;
  }
  if (!is_port(authority.substr(1))) return std::string(use.form) + "; a port is a number from 1 to 65535";
  return std::nullopt;
}

bool is_ipv4(std::string_view text) {
  std::array<unsigned char, 4> ignored{};
  return ::inet_pton(AF_INET, std::string(text).c_str(), ignored.data()) == 1;
}

}  // namespace

std::optional<std::string> find_url_fault(std::string_view url) {
  return find_fault(url, kServer);
}

std::optional<std::string> find_webhook_fault(std::string_view url) {
  return find_fault(url, kWebhook);
}

bool is_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || !is_port(text.substr(colon + 1))) return false;
  const std::string_view address = text.substr(0, colon);
  if (!address.starts_with('[')) return is_ipv4(address);
  std::array<unsigned char, 16> ignored{};
  return address.ends_with(']') &&
         ::inet_pton(AF_INET6, std::string(address.substr(1, address.size() - 2)).c_str(), ignored.data()) == 1;
}

bool is_host_name(std::string_view text) {
  if (text.starts_with('[')) return text.ends_with(']') && is_ipv6(text.substr(1, text.size() - 2));
  return is_host(text);
}

}  // namespace retraind::settings
