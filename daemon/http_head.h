#pragma once
// Between what Beast has read of a request and what http_request.h decides by. Apart from both: the decision knows no
// Beast, and the fuzzer of it no sockets.

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <cstdint>

#include "daemon/http_request.h"

namespace retraind::daemon {

using HttpHeadParser = boost::beast::http::request_parser<boost::beast::http::empty_body>;

inline constexpr std::uint32_t kMaxHeadBytes = 8 * 1024;

// Before the first byte: a body is never read, what has one is refused by its head.
inline void prepare(HttpHeadParser& parser) {
  parser.header_limit(kMaxHeadBytes);
  parser.body_limit(boost::none);
}

// Of a parser whose header is done.
inline HttpRequest request_of(const HttpHeadParser& parser) {
  const auto& head = parser.get();
  HttpRequest out{.method = std::string(head.method_string()), .target = std::string(head.target()), .hosts = {}};
  const auto [first, past] = head.equal_range(boost::beast::http::field::host);
  for (auto field = first; field != past; ++field) out.hosts.emplace_back(field->value());
  out.has_body = parser.chunked() || parser.content_length().value_or(0) > 0;
  return out;
}

}  // namespace retraind::daemon
