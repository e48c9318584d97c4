#include "core/release/announcement.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <boost/json.hpp>
#include <limits>
#include <stdexcept>

#include "core/base/sha256.h"

namespace retraind::release {
namespace {

namespace json = boost::json;

json::object members(const Announcement& announcement) {
  json::object out;
  out["release_id"] = number(announcement.id);
  out["model"] = announcement.model;
  out["version"] = announcement.version;
  out["previous_version"] =
      announcement.previous_version ? json::value(*announcement.previous_version) : json::value(nullptr);
  out["kind"] = to_text(announcement.kind);
  out["run_id"] = announcement.run ? json::value(number(*announcement.run)) : json::value(nullptr);
  out["promotion_id"] = number(announcement.promotion);
  out["promoted_at"] = format_instant(announcement.promoted_at);
  out["actor"] = announcement.actor;
  out["reason"] = announcement.reason;
  out["artifact_sha256"] = announcement.artifact_sha256;
  return out;
}

}  // namespace

std::string to_json(const Announcement& announcement) {
  return json::serialize(members(announcement));
}

std::string to_release_file(const Announcement& announcement,
                            const std::map<std::string, std::string>& sha256_of_files) {
  json::object out = members(announcement);
  json::object files;
  for (const auto& [name, sha256] : sha256_of_files) files[name] = sha256;
  out["files"] = std::move(files);
  return json::serialize(out) + "\n";
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  if (key.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) throw std::logic_error("an endless key");
  Digest digest{};
  unsigned int length = 0;
  // The library takes no null pointer for an empty key.
  const char* const key_bytes = key.empty() ? "" : key.data();
  if (::HMAC(EVP_sha256(), key_bytes, static_cast<int>(key.size()),
             reinterpret_cast<const unsigned char*>(message.data()), message.size(),
             reinterpret_cast<unsigned char*>(digest.data()), &length) == nullptr ||
      length != digest.size()) {
    throw std::runtime_error("openssl cannot make an HMAC-SHA256");
  }
  return to_hex(digest);
}

std::string sign(std::string_view secret, std::int64_t unix_seconds, std::string_view body) {
  return "sha256=" + hmac_sha256(secret, fmt::format("{}.{}", unix_seconds, body));
}

}  // namespace retraind::release
