#pragma once
// What the tests of the HTTP server share: a daemon that listens on a port of its own, and what its page says.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "tests/e2e/world/world.h"
#include "tests/support/http_client.h"
#include "tests/support/prometheus_server.h"

namespace retraind::testing {

// The value of a series as it stands on the page; NaN when it does not.
inline double value_of(const std::string& page, const std::string& series) {
  const std::size_t at = ("\n" + page).find("\n" + series + " ");
  return at == std::string::npos ? std::nan("") : std::strtod(page.c_str() + at + series.size() + 1, nullptr);
}

inline int status_of(std::uint16_t port, const std::string& target) {
  const auto reply = http_get(port, target);
  return reply ? reply->status : 0;
}

inline double metric(std::uint16_t port, const std::string& series) {
  const auto reply = http_get(port, "/metrics");
  return reply ? value_of(reply->body, series) : std::nan("");
}

}  // namespace retraind::testing
