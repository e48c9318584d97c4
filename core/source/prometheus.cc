#include "core/source/prometheus.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "core/base/error.h"
#include "core/source/prometheus_words.h"

namespace retraind::source {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;
using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

struct Freed {
  void operator()(char* memory) const { curl_free(memory); }
};

// For the process, once; never undone, because others may use the library too.
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

void require(CURLUcode code) {
  if (code == CURLUE_OUT_OF_MEMORY) throw std::bad_alloc();
  if (code != CURLUE_OK)
    throw std::logic_error(fmt::format("a url could not be put together: {}", curl_url_strerror(code)));
}

// Where a url points, without its user, password, query and fragment, which may be secret.
std::string without_secrets(CURLU* url) {
  const Url copy(curl_url_dup(url), &curl_url_cleanup);
  if (!copy) throw std::bad_alloc();
  for (const CURLUPart secret :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(copy.get(), secret, nullptr, 0);
  }
  return shown(part(copy.get(), CURLUPART_URL));
}

std::string without_secrets(const char* text) {
  const Url url(curl_url(), &curl_url_cleanup);
  if (text == nullptr || !url || curl_url_set(url.get(), CURLUPART_URL, text, 0) != CURLUE_OK) return "elsewhere";
  return without_secrets(url.get());
}

Url parse_url(const std::string& text) {
  Url url(curl_url(), &curl_url_cleanup);
  if (!url) throw std::bad_alloc();
  // The text itself may hold a password in a place where it is not recognised: it is not shown.
  constexpr const char* kHint = "it looks like http://host:9090 or https://user:password@host/path";
  if (const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
      code != CURLUE_OK) {
    throw DataError(fmt::format("the url of a prometheus trigger cannot be used: {}", curl_url_strerror(code)), kHint);
  }
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    throw DataError(fmt::format("the url of a prometheus trigger is of kind \"{}\", not http or https", shown(scheme)),
                    kHint);
  }
  return url;
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

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(handle, option, value); code != CURLE_OK) {
    throw std::logic_error(
        fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code)));
  }
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
  if (timeout <= Duration::zero()) throw std::logic_error("a query without any time to answer");
  start_library();
  const Url url = parse_url(url_text);
  const std::string server = without_secrets(url.get());

  std::string path = part(url.get(), CURLUPART_PATH);
  while (path.ends_with('/')) path.pop_back();
  require(curl_url_set(url.get(), CURLUPART_PATH, (path + "/api/v1/query").c_str(), 0));
  require(curl_url_set(url.get(), CURLUPART_QUERY, ("query=" + query).c_str(), CURLU_APPENDQUERY | CURLU_URLENCODE));
  require(curl_url_set(url.get(), CURLUPART_FRAGMENT, nullptr, 0));

  const Handle handle(curl_easy_init(), &curl_easy_cleanup);
  if (!handle) throw std::bad_alloc();
  std::string body;
  char words[CURL_ERROR_SIZE] = "";
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  const long limit = static_cast<long>(std::min<long long>(milliseconds, std::numeric_limits<int>::max()));
  set(handle.get(), CURLOPT_CURLU, url.get());
  set(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle.get(), CURLOPT_NOSIGNAL, 1L);  // signals and threads do not go together
  set(handle.get(), CURLOPT_FOLLOWLOCATION, 0L);
  set(handle.get(), CURLOPT_TIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(kMostBytes));
  set(handle.get(), CURLOPT_USERAGENT, "retraind");
  set(handle.get(), CURLOPT_ERRORBUFFER, words);
  set(handle.get(), CURLOPT_WRITEFUNCTION, &keep);
  set(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&body));

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
