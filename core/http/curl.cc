#include "core/http/curl.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <mutex>
#include <new>

#include "core/base/error.h"

namespace retraind::http {
namespace {

struct Freed {
  void operator()(char* memory) const { curl_free(memory); }
};

}  // namespace

void start_library() {
  static std::once_flag once;
  std::call_once(once, [] {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw TransientError("libcurl cannot be initialised");
  });
}

std::string part(CURLU* url, CURLUPart which) {
  char* raw = nullptr;
  if (curl_url_get(url, which, &raw, 0) != CURLUE_OK) return {};
  const std::unique_ptr<char, Freed> text(raw);
  return text.get();
}

Url parse_url(const std::string& text, std::string_view owner, const std::string& hint) {
  Url url(curl_url(), &curl_url_cleanup);
  if (!url) throw std::bad_alloc();
  if (const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
      code != CURLUE_OK) {
    throw DataError(fmt::format("the url of {} cannot be used: {}", owner, curl_url_strerror(code)), hint);
  }
  // A scheme is letters, digits, "+", "-" and ".": libcurl takes no other.
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    throw DataError(fmt::format("the url of {} is of kind \"{}\", not http or https", owner, scheme), hint);
  }
  return url;
}

Url copy_of(CURLU* url) {
  Url copy(curl_url_dup(url), &curl_url_cleanup);
  if (!copy) throw std::bad_alloc();
  return copy;
}

Handle make_request(CURLU* url, Duration timeout, char* words) {
  if (timeout <= Duration::zero()) throw std::logic_error("a request without any time to answer");
  Handle handle(curl_easy_init(), &curl_easy_cleanup);
  if (!handle) throw std::bad_alloc();
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const long limit = static_cast<long>(std::min<long long>(milliseconds, std::numeric_limits<int>::max()));
  set(handle.get(), CURLOPT_CURLU, url);
  set(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle.get(), CURLOPT_NOSIGNAL, 1L);  // signals and threads do not go together
  set(handle.get(), CURLOPT_FOLLOWLOCATION, 0L);
  set(handle.get(), CURLOPT_TIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_USERAGENT, "retraind");
  set(handle.get(), CURLOPT_ERRORBUFFER, words);
  return handle;
}

}  // namespace retraind::http
