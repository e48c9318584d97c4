#pragma once
// What a promotion or rollback says to those who serve the model: one JSON text, the same for every target, and the
// signature that a webhook carries. Pure; thread-safe.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/ids.h"
#include "core/base/time.h"
#include "core/base/vocabulary.h"

namespace retraind::release {

struct Announcement {
  ReleaseId id{};  // the same at every attempt: who is told twice can see it
  std::string model;
  int version = 0;
  std::optional<int> previous_version;
  PromotionKind kind = PromotionKind::promotion;
  std::optional<RunId> run;
  PromotionId promotion{};
  TimePoint promoted_at{};
  std::string actor;
  std::string reason;
  std::string artifact_sha256;  // 64 hexadecimal digits
};

// One line of JSON without a line break, an object with release_id, model, version, previous_version, kind, run_id,
// promotion_id, promoted_at (ISO 8601, UTC), actor, reason, artifact_sha256, in this order. What is not there is null.
std::string to_json(const Announcement& announcement);

// release.json of an exported folder: the same members, and `files`, an object of the SHA-256 of every other file by
// its name. Indented by nothing, with a line break at the end.
std::string to_release_file(const Announcement& announcement,
                            const std::map<std::string, std::string>& sha256_of_files);

// HMAC-SHA256 (RFC 2104, FIPS 198-1) as 64 lower-case hexadecimal digits.
std::string hmac_sha256(std::string_view key, std::string_view message);

// "sha256=" and the HMAC of "UNIX_SECONDS.BODY", so that neither an old request nor a changed one verifies.
std::string sign(std::string_view secret, std::int64_t unix_seconds, std::string_view body);

}  // namespace retraind::release
