#pragma once
// Takes secrets out of a text that is about to be shown. Those who know where a secret stands never put it into a
// message; this is for the texts of others (libpq, libcurl, a server, a trainer) that end up in ours. It knows what
// secrets look like, not what they are: no replacement for not printing them. Thread-safe: a pure function.

#include <string>
#include <string_view>

namespace retraind {

// `text` with "***" in place of
//   * the value of a parameter whose name ends in password, passwd, passphrase, secret, token or api_key, in whatever
//     case: password=…, sslpassword = '…', PGPASSWORD="…", "client_secret": "…", ?access_token=…
//   * the password in a URL, scheme://user:PASSWORD@host; of http and https also a user without one, which is a token
//   * what follows Bearer or Basic
std::string redacted(std::string_view text);

}  // namespace retraind
