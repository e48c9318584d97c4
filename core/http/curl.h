#pragma once
// What everybody who speaks HTTP through libcurl needs: the library started once, handles that free themselves, urls
// taken apart. Makes no request by itself. Any thread; a handle belongs to one.

#include <curl/curl.h>
#include <fmt/format.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>

#include "core/base/time.h"

namespace retraind::http {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;
using Handle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Headers = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

// For the process, once; never undone, because others may use the library too. Throws TransientError.
void start_library();

// A part of a url; empty when it has none.
std::string part(CURLU* url, CURLUPart which);

// An http or https url. Throws DataError for anything else, naming `owner` ("the webhook") and never the text, which
// may hold a password where nobody looks for one.
Url parse_url(const std::string& text, std::string_view owner, const std::string& hint);
Url copy_of(CURLU* url);

// Throws std::logic_error for an option the library does not know: it is a newer one than ours.
template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  if (const CURLcode code = curl_easy_setopt(handle, option, value); code != CURLE_OK) {
    throw std::logic_error(
        fmt::format("libcurl refuses option {}: {}", static_cast<int>(option), curl_easy_strerror(code)));
  }
}

// A request to the url, as all of ours are: http or https only, no redirect followed, no signal used, and no longer
// than `timeout` (> 0). What goes wrong is put into `words` (CURL_ERROR_SIZE chars), which like the url must outlive
// it.
Handle make_request(CURLU* url, Duration timeout, char* words);

}  // namespace retraind::http
