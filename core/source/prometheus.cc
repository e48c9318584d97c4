#include "core/source/prometheus.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <stdexcept>

#include "core/base/error.h"
#include "core/http/curl.h"
#include "core/source/prometheus_words.h"

namespace retraind::source {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

void require(CURLUcode code) {
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK)
    throw std::logic_error(fmt::format("a url could not be put together: {}", curl_url_strerror(code)));
}

// Where a url points, without its user, password, query and fragment, which may be secret.
std::string without_secrets(CURLU* url) {
  const http::Url copy = http::copy_of(url);
  for (const CURLUPart secret :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(copy.get(), secret, nullptr, 0);
  }
  return shown(http::part(copy.get(), CURLUPART_URL));
}

std::string without_secrets(const char* text) {
  const http::Url url(curl_url(), &curl_url_cleanup);
  if (text == nullptr || !url || curl_url_set(url.get(), CURLUPART_URL, text, 0) != CURLUE_OK) return "elsewhere";
  return without_secrets(url.get());
}

std::size_t keep(char* data, std::size_t, std::size_t size, void* out) noexcept {
  auto& body = *static_cast<std::string*>(out);
  if (body.size() + size > kMostBytes) return size == 0 ? 1 : 0;  // another number than `size` ends the transfer
  try {
    body.append(data, size);
  } catch (...) {
    return size == 0 ? 1 : 0;
  }
  return size;
}

[[noreturn]] void fail_transfer(CURLcode code, const std::string& server, const char* words, Duration timeout) {
  const std::string why = shown(words[0] != '\0' ? words : curl_easy_strerror(code));
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      throw TransientError(fmt::format("prometheus at {} did not answer within {}", server, format_duration(timeout)),
                           "make the query faster, or raise the timeout of the trigger");
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
      throw DataError(fmt::format("the answer of prometheus at {} is longer than {} bytes", server, kMostBytes),
                      "let the query return one sample");
    case CURLE_UNSUPPORTED_PROTOCOL:  // also an answer without a status line, which would be HTTP/0.9
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      throw DataError(fmt::format("what answers at {} does not speak HTTP: {}", server, why),
                      "check the url of the trigger");
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      throw DataError(fmt::format("the certificate of {} is not trusted: {}", server, why),
                      "install the certificate of its authority on this machine");
    default:
      throw TransientError(fmt::format("prometheus at {} cannot be reached: {}", server, why),
                           "check that the server runs, and the url of the trigger");
  }
}

[[noreturn]] void fail_status(long status, const std::string& server, const std::string& body, CURL* handle) {
  const std::string words = prometheus_words(body);
  const std::string said = words.empty() ? "" : ": " + words;
  if (status >= 500 || status == 408 || status == 429) {
    throw TransientError(fmt::format("prometheus at {} answered with status {}{}", server, status, said));
  }
  if (status >= 300 && status < 400) {
    char* target = nullptr;
    curl_easy_getinfo(handle, CURLINFO_REDIRECT_URL, &target);
    throw DataError(fmt::format("prometheus at {} redirects to {}, and redirects are not followed (status {})", server,
                                without_secrets(target), status),
                    "put the address it really has into the url of the trigger");
  }
  if (!words.empty()) {
    throw DataError(fmt::format("prometheus at {} refused the query: {}", server, words));
  }
  throw DataError(fmt::format("what answers at {} is no Prometheus: status {}", server, status),
                  status == 401 || status == 403 ? "put user and password into the url of the trigger"
                                                 : "check the url of the trigger");
}

}  // namespace

std::optional<PrometheusSample> query_prometheus(const std::string& url_text, const std::string& query,
                                                 Duration timeout) {
  http::start_library();
  const http::Url url = http::parse_url(url_text, "a prometheus trigger",
                                        "it looks like http://host:9090 or https://user:password@host/path");
  const std::string server = without_secrets(url.get());

  std::string path = http::part(url.get(), CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  require(curl_url_set(url.get(), CURLUPART_PATH, (path + "/api/v1/query").c_str(), 0));
  require(curl_url_set(url.get(), CURLUPART_QUERY, ("query=" + query).c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE));
  require(curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0));

  std::string body;
  char words[CURL_ERROR_SIZE] = "";
  const http::Handle handle = http::make_request(url.get(), timeout, words);
  http::set(handle.get(), CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(kMostBytes));
  http::set(handle.get(), CURLOPT_WRITEFUNCTION, &keep);
  http::set(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&body));

  if (const CURLcode code = curl_easy_perform(handle.get()); code != CURLE_OK) {
    fail_transfer(code, server, words, timeout);
  }
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  if (status != 200) fail_status(status, server, body, handle.get());
  try {
    return parse_prometheus_answer(body);
  } catch (const DataError& error) {
    throw DataError(fmt::format("prometheus at {}: {}", server, error.what()), error.hint());
  }
}

}  // namespace retraind::source
