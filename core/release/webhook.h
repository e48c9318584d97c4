#pragma once
// Telling a promotion by HTTP: one POST of the announcement, signed where there is a secret. Refuses other protocols
// than http and https, follows no redirect and uses no proxy of the environment. Blocks for up to the timeout; any
// thread may call it.

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "core/base/time.h"
#include "core/release/announcement.h"

namespace retraind::release {

// The contents of a secret's file without the line break at its end. Throws DataError when it cannot be read, is no
// regular file, is open to others than its owner and group, may be written by its group, is empty, holds a NUL or more
// than 4096 bytes. Never says what is in it.
std::string read_secret(const std::filesystem::path& file);

struct WebhookRequest {
  std::string url;
  std::string secret;  // empty: no signature is sent
  std::uint64_t attempt = 1;
  std::int64_t unix_seconds = 0;  // when it is sent
  Duration timeout = std::chrono::seconds(60);
};

// Returns what to note down ("status 204") when the answer's status is 200 to 299. Throws TransientError or DataError
// with the status and the first bytes of the answer otherwise, when there is no answer in time, and when `stop` is
// requested meanwhile. Whatever it throws, the request may have arrived.
std::string post_webhook(const WebhookRequest& request, const Announcement& announcement, std::stop_token stop);

}  // namespace retraind::release
