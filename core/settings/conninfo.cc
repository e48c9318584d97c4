#include "core/settings/conninfo.h"

#include <fmt/format.h>

#include <algorithm>

namespace retraind::settings {
namespace {

constexpr std::string_view kSpaces = " \t\n\r\f\v";

std::string secret_fault(std::string_view parameter) {
  return fmt::format(
      "a secret ('{}') must not stand in the configuration; use a password file (passfile=/path, or ~/.pgpass), a "
      "service file (service=NAME) or a systemd credential",
      parameter);
}

bool is_secret(std::string_view parameter) {
  return parameter == "password" || parameter == "sslpassword";
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// libpq decodes %XX in parameter names too, so "pass%77ord" is a password.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// https://www.postgresql.org/docs/15/libpq-connect.html#id-1.7.3.8.3.6
std::optional<std::string> find_uri_fault(std::string_view rest) {
  // The user and password end at an '@' that comes before the path and the parameters.
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
  if (const auto at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    const auto colon = user.find(':');
    // A password may hold a '/' or '?' that was not encoded; libpq would misread it, and it is a secret all the same.
    if (colon != std::string_view::npos && (at < authority.size() || user.find('=') == std::string_view::npos)) {
      return secret_fault("password");
    }
  }
  const auto question = rest.find('?');
  if (question == std::string_view::npos) return std::nullopt;
  std::string_view parameters = rest.substr(question + 1);
  while (!parameters.empty()) {
    const auto ampersand = parameters.find('&');
    const std::string_view parameter = parameters.substr(0, ampersand);
    parameters = ampersand == std::string_view::npos ? std::string_view{} : parameters.substr(ampersand + 1);
    const std::string name = percent_decoded(parameter.substr(0, parameter.find('=')));
    if (is_secret(name)) return secret_fault(name);
    if (parameter.find('=') == std::string_view::npos) {
      return std::string("a parameter after the '?' of the connection URI has no '='");
    }
  }
  return std::nullopt;
}

// The grammar of conninfo_parse in libpq's fe-connect.c.
std::optional<std::string> find_keyword_fault(std::string_view rest) {
  while (true) {
    const auto begin = rest.find_first_not_of(kSpaces);
    if (begin == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(begin);
    const auto name_end = rest.find_first_of(" \t\n\r\f\v=");
    const std::string_view name = rest.substr(0, name_end);
    rest.remove_prefix(name.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
    if (is_secret(name)) return secret_fault(name);
    // The word without '=' is not repeated: it may be a part of a secret with a space in it.
    if (rest.empty() || rest.front() != '=') return std::string("a word in the connection string has no '=' after it");
    if (name.empty()) return std::string("an '=' in the connection string has no parameter before it");
    rest.remove_prefix(1);
    rest.remove_prefix(std::min(rest.find_first_not_of(kSpaces), rest.size()));
    const bool is_quoted = rest.starts_with('\'');
    if (is_quoted) rest.remove_prefix(1);
    std::size_t i = 0;
    while (i < rest.size() && (is_quoted ? rest[i] != '\'' : kSpaces.find(rest[i]) == std::string_view::npos)) {
      i += rest[i] == '\\' && i + 1 < rest.size() ? 2 : 1;
    }
    if (is_quoted && i >= rest.size()) return std::string("a quoted value in the connection string does not end");
    rest.remove_prefix(std::min(i + (is_quoted ? 1 : 0), rest.size()));
  }
}

}  // namespace

std::optional<std::string> find_conninfo_fault(std::string_view conninfo) {
  for (const std::string_view scheme : {"postgresql://", "postgres://"}) {
    if (conninfo.starts_with(scheme)) return find_uri_fault(conninfo.substr(scheme.size()));
  }
  return find_keyword_fault(conninfo);
}

}  // namespace retraind::settings
