#include "core/release/webhook.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/algorithm/string/replace.hpp>
#include <cerrno>
#include <memory>
#include <new>
#include <stdexcept>
#include <system_error>

#include "core/base/error.h"
#include "core/http/curl.h"
#include "core/release/folder.h"
#include "core/release/printable.h"

namespace retraind::release {
namespace {

constexpr std::size_t kMostSecretBytes = 4096;
constexpr std::size_t kShownBytes = 200;                          // of an answer
constexpr std::size_t kMostAnswerBytes = std::size_t{64} * 1024;  // read at all: its status is what counts

// Which server it points to. Not the path: many services know their callers by a token in it, and what is said here
// can be read by all who may look at the history.
std::string without_secrets(CURLU* url) {
  const http::Url copy = http::copy_of(url);
  for (const CURLUPart secret :
       {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS, CURLUPART_PATH, CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(copy.get(), secret, nullptr, 0);
  }
  std::string server = http::part(copy.get(), CURLUPART_URL);
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

http::Headers make_headers(const std::vector<std::string>& lines) {
  http::Headers out(nullptr, &curl_slist_free_all);
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
  http::start_library();
  const http::Url url = http::parse_url(request.url, "the webhook", "it looks like https://host/path");
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
  const http::Headers headers = make_headers(lines);
  Answer answer;
  char words[CURL_ERROR_SIZE] = "";
  const http::Handle handle = http::make_request(url.get(), request.timeout, words);
  http::set(handle.get(), CURLOPT_PROXY, "");  // whatever the environment says
  http::set(handle.get(), CURLOPT_HTTPHEADER, headers.get());
  http::set(handle.get(), CURLOPT_POST, 1L);
  http::set(handle.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  http::set(handle.get(), CURLOPT_POSTFIELDS, body.c_str());
  http::set(handle.get(), CURLOPT_WRITEFUNCTION, &keep);
  http::set(handle.get(), CURLOPT_WRITEDATA, static_cast<void*>(&answer));
  http::set(handle.get(), CURLOPT_NOPROGRESS, 0L);
  http::set(handle.get(), CURLOPT_XFERINFOFUNCTION, &continue_unless_stopped);
  http::set(handle.get(), CURLOPT_XFERINFODATA, static_cast<void*>(&stop));

  const CURLcode code = curl_easy_perform(handle.get());
  long status = 0;
  curl_easy_getinfo(handle.get(), CURLINFO_RESPONSE_CODE, &status);
  // An answer that goes on and on has its status all the same.
  const bool cut_off = code == CURLE_WRITE_ERROR && answer.bytes > kMostAnswerBytes;
  if (code != CURLE_OK && !cut_off) fail_transfer(code, server, words, request.timeout);
  if (status >= 200 && status < 300) return fmt::format("status {}", status);

  const std::string said = without_path(answer.first, http::part(url.get(), CURLUPART_PATH));
  const std::string sentence =
      fmt::format("the webhook {} answered with status {}{}{}", server, status, said.empty() ? "" : ": ", said);
  if (status >= 300 && status < 400) {
    throw DataError(sentence, "redirects are not followed: put the address it really has into release.webhook");
  }
  if (status >= 500 || status == 408 || status == 429) throw TransientError(sentence);
  throw DataError(sentence);
}

}  // namespace retraind::release
