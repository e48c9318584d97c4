#include "core/release/webhook.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>
#include <cerrno>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <system_error>

#include "core/base/error.h"
#include "core/release/folder.h"
#include "core/release/printable.h"

namespace retraind::release {
namespace {

constexpr std::size_t kMostSecretBytes = 4096;
constexpr std::size_t kShownBytes = 200;                          // of an answer
constexpr std::size_t kMostAnswerBytes = std::size_t{64} * 1024;  // read at all: its status is what counts

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;
using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

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

// The text may hold a password or a token: what cannot be read is not shown.
Url parse_url(const std::string& text) {
  Url url(curl_url(), &curl_url_cleanup);
  if (!url) throw std::bad_alloc();
  constexpr const char* kHint = "it looks like https://host/path";
  if (const CURLUcode code = curl_url_set(url.get(), CURLUPART_URL, text.c_str(), CURLU_NON_SUPPORT_SCHEME);
      code != CURLUE_OK) {
    throw DataError(fmt::format("the url of the webhook cannot be used: {}", curl_url_strerror(code)), kHint);
  }
  const std::string scheme = part(url.get(), CURLUPART_SCHEME);
  if (scheme != "http" && scheme != "https") {
    throw DataError(
        fmt::format("the url of the webhook is of kind \"{}\", not http or https", printable_line(scheme, kShownBytes)),
        kHint);
  }
  return url;
}

// Which server it points to. Not the path: many services know their callers by a token in it, and what is said here
// can be read by all who may look at the history.
std::string without_secrets(CURLU* url) {
  const Url copy(curl_url_dup(url), &curl_url_cleanup);
  if (!copy) throw std::bad_alloc();
  for (const CURLUPart secret :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(copy.get(), secret, nullptr, 0);
  }
  std::string server = part(copy.get(), CURLUPART_URL);
  if (server.ends_with('/')) server.pop_back();
  return printable_line(server, kShownBytes);
}

// The beginning of an answer. Some servers say in it what they were asked for.
std::string without_path(std::string answer, const std::string& path) {
  if (path.size() > 1) boost::algorithm::replace_all(answer, path, "/…");
  return printable_line(answer, kShownBytes);
}

struct Answer {
  std::string first;
  std::size_t bytes = 0;
};

std::size_t keep(char* data, std::size_t, std::size_t size, void* out) noexcept {
  auto& answer = *static_cast<Answer*>(out);
  answer.bytes += size;
  if (answer.bytes > kMostAnswerBytes) return size == 0 ? 1 : 0;  // another number than `size` ends the transfer
  try {
    answer.first.append(data, std::min(size, 2 * kShownBytes - std::min(2 * kShownBytes, answer.first.size())));
  } catch (...) {
    return size == 0 ? 1 : 0;
  }
  return size;
}

int continue_unless_stopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) noexcept {
  return static_cast<const std::stop_token*>(stop)->stop_requested() ? 1 : 0;
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(handle, option, value); code != CURLE_OK) {
    throw std::logic_error(
        fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code)));
  }
}

Headers make_headers(const std::vector<std::string>& lines) {
  Headers out(nullptr, &curl_slist_free_all);
  for (const std::string& line : lines) {
    curl_slist* longer = curl_slist_append(out.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    (void)out.release();
    out.reset(longer);
  }
  return out;
}

[[noreturn]] void fail_transfer(CURLcode code, const std::string& server, const char* words, Duration timeout) {
  const std::string why = printable_line(words[0] != '\0' ? words : curl_easy_strerror(code), kShownBytes);
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      throw TransientError(fmt::format("the webhook {} did not answer within {}", server, format_duration(timeout)),
                           "let it answer at once and work afterwards, or raise release.timeout");
    case CURLE_ABORTED_BY_CALLBACK:
      throw TransientError(fmt::format("the request to the webhook {} was abandoned", server));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      throw DataError(fmt::format("the certificate of the webhook {} is not trusted: {}", server, why),
                      "install the certificate of its authority on this machine");
    default:
      throw TransientError(fmt::format("the webhook {} cannot be reached: {}", server, why),
                           "check that the server runs, and release.webhook");
  }
}

}  // namespace

std::string read_secret(const std::filesystem::path& file) {
  const std::string name = "the webhook's secret file " + file.string();
  // Not to wait for somebody who writes to a pipe.
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) throw DataError(fmt::format("{} cannot be read: {}", name, std::generic_category().message(errno)));
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode)) throw DataError(name + " is no regular file");
  if ((about.st_mode & 0027U) != 0) {
    throw DataError(fmt::format("{} is open to others: its mode is {:04o}", name, about.st_mode & 07777U),
                    fmt::format("chmod 0600 {}", file.string()));
  }
  std::string secret(kMostSecretBytes + 1, '\0');
  std::size_t size = 0;
  while (size < secret.size()) {
    const ssize_t got = ::read(fd.get(), secret.data() + size, secret.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError(fmt::format("{} cannot be read: {}", name, std::generic_category().message(errno)));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  secret.resize(size);
  if (size > kMostSecretBytes) throw DataError(fmt::format("{} has more than {} bytes", name, kMostSecretBytes));
  if (secret.find('\0') != std::string::npos) throw DataError(name + " holds a NUL; write the secret as text");
  while (!secret.empty() && (secret.back() == '\n' || secret.back() == '\r')) secret.pop_back();
  if (secret.empty()) throw DataError(name + " is empty", "a signature with an empty secret proves nothing");
  return secret;
}

std::string post_webhook(const WebhookRequest& request, const Announcement& announcement, std::stop_token stop) {
  if (request.timeout <= Duration::zero()) throw std::logic_error("a request without any time to answer");
  start_library();
  const Url url = parse_url(request.url);
  const std::string server = without_secrets(url.get());
  const std::string body = to_json(announcement);

  std::vector<std::string> lines = {
      "Content-Type: application/json",
      "Expect:",  // not to be asked first
      fmt::format("X-Retraind-Delivery: {}", number(announcement.id)),
      fmt::format("X-Retraind-Attempt: {}", request.attempt),
      fmt::format("X-Retraind-Timestamp: {}", request.unix_seconds),
  };
  if (!request.secret.empty()) {
    lines.push_back("X-Retraind-Signature: " + sign(request.secret, request.unix_seconds, body));
  }
  const Headers headers = make_headers(lines);
  const Handle handle(curl_easy_init(), &curl_easy_cleanup);
  if (!handle) throw std::bad_alloc();
  Answer answer;
  char words[CURL_ERROR_SIZE] = "";
  const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(request.timeout).count();
  const long limit = static_cast<long>(std::min<long long>(milliseconds, std::numeric_limits<int>::max()));
  set(handle.get(), CURLOPT_CURLU, url.get());
  set(handle.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle.get(), CURLOPT_PROXY, "");     // whatever the environment says
  set(handle.get(), CURLOPT_NOSIGNAL, 1L);  // signals and threads do not go together
  set(handle.get(), CURLOPT_FOLLOWLOCATION, 0L);
  set(handle.get(), CURLOPT_TIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_CONNECTTIMEOUT_MS, limit);
  set(handle.get(), CURLOPT_USERAGENT, "retraind");
  set(handle.get(), CURLOPT_ERRORBUFFER, words);
  set(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  set(handle.get(), CURLOPT_POST, 1L);
  set(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  set(handle.get(), CURLOPT_POSTFIELDS, body.c_str());
  set(handle.get(), CURLOPT_WRITEFUNCTION, &keep);
  set(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  set(handle.get(), CURLOPT_NOPROGRESS, 0L);
  set(handle.get(), CURLOPT_XFERINFOFUNCTION, &continue_unless_stopped);
  set(handle.get(), CURLOPT_XFERINFODATA, static_cast<void*>(&stop));

  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  // An answer that goes on and on has its status all the same.
  const bool cut_off = code == CURLE_WRITE_ERROR && answer.bytes > kMostAnswerBytes;
  if (code != CURLE_OK && !cut_off) fail_transfer(code, server, words, request.timeout);
  if (status >= 200 && status < 300) return fmt::format("status {}", status);

  const std::string said = without_path(answer.first, part(url.get(), CURLUPART_PATH));
  const std::string sentence =
      fmt::format("the webhook {} answered with status {}{}{}", server, status, said.empty() ? "" : ": ", said);
  if (status >= 300 && status < 400) {
    throw DataError(sentence, "redirects are not followed: put the address it really has into release.webhook");
  }
  if (status >= 500 || status == 408 || status == 429) throw TransientError(sentence);
  throw DataError(sentence);
}

}  // namespace retraind::release
