#include "daemon/http_request.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <optional>

#include "daemon/http_head.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {
namespace {

namespace http = boost::beast::http;

constexpr std::size_t kPiece = 61;  // what comes at once from a network is never what a parser would like

// As the server does: the head of a request, in pieces, and nothing of a body.
std::optional<daemon::HttpRequest> head_of(std::string_view input) {
  daemon::HttpHeadParser parser;
  daemon::prepare(parser);
  std::size_t read = 0;
  std::size_t available = std::min(kPiece, input.size());
  while (!parser.is_header_done()) {
    boost::system::error_code error;
    read += parser.put(boost::asio::buffer(input.data() + read, available - read), error);
    if (error && error != http::error::need_more) return std::nullopt;
    if (parser.is_header_done()) break;
    if (available == input.size()) return std::nullopt;
    available = std::min(available + kPiece, input.size());
  }
  return daemon::request_of(parser);
}

}  // namespace

void http_request(std::string_view input) {
  static const daemon::AllowedHosts hosts("127.0.0.1:9464", {"metrics.example.org"});
  const auto request = head_of(input);
  if (!request) return;
  const daemon::HttpDecision decision = daemon::decide(*request, hosts);
  require(decision.page.has_value() == (decision.status == 200), "a page is answered with 200, and nothing else is");
  require(decision.page.has_value() || !decision.sentence.empty(), "a refusal says why");
  require(std::none_of(decision.sentence.begin(), decision.sentence.end(),
                       [](unsigned char c) { return c < 0x20 || c >= 0x7f; }),
          "what a client sent does not come back as it was");
  if (!decision.page) return;
  require(request->method == "GET" || request->method == "HEAD", "only reading is answered");
  require(request->hosts.size() == 1 && !request->has_body, "a request says once whom it is for, and has no body");
}

}  // namespace retraind::fuzz
