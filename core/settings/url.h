#pragma once
// Looks through the address of an HTTP server without connecting. The configuration file is no place for a secret, so a
// user or a password in it is found here. Messages never repeat the address. Thread-safe: a pure function.

#include <optional>
#include <string>
#include <string_view>

namespace retraind::settings {

// What is wrong with `url` as the address that paths of an API are appended to; std::nullopt when nothing is. Takes
// "http://HOST", "https://HOST:PORT/PREFIX"; HOST may be a name, an IPv4 address, or an IPv6 address in brackets.
std::optional<std::string> find_url_fault(std::string_view url);

// The same for the address of a web hook, which is called as it stands.
std::optional<std::string> find_webhook_fault(std::string_view url);

// "127.0.0.1:9464" or "[::1]:9464": an address in numbers, so that no resolver has a say in who may connect.
bool is_listen_address(std::string_view text);

// A name, an IPv4 address or an IPv6 address in brackets, as it stands in a Host header without its port.
bool is_host_name(std::string_view text);

}  // namespace retraind::settings
