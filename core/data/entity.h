#pragma once
// Entities (customers, machines) as numbers, and which of them are held out. The number of an entity depends on its
// value alone: it is the same on every machine, in every run and in every version of retraind, so that an entity that
// was held out once stays held out. Distinct objects may be used on distinct threads.

#include <cstdint>
#include <string_view>

#include "core/base/sha256.h"

namespace retraind::data {

// Rows whose entity is NULL are of one entity, since they may well be of one: the number of the text of one zero byte,
// which no column can hold.
inline constexpr std::uint64_t kNullEntity = 0x6e340b9cffb37a98;

// The first eight bytes, big-endian, of the SHA-256 of the value's text; for texts and whole numbers the first 16
// digits of SQL's encode(sha256(convert_to(value::text, 'UTF8')), 'hex'). Numbers are hashed as spell_number() writes
// them and booleans as "false" and "true", so that a cast to text in the query moves no entity; instants as their
// microseconds since 1970 UTC. Whole numbers beyond 2^53 that come to one double are one entity.
class EntityHash {
 public:
  std::uint64_t of_text(std::string_view text);
  std::uint64_t of_number(double value);
  std::uint64_t of_boolean(bool value);

 private:
  Sha256 hash_;
};

// Whether an entity belongs to a holdout of `share`, in (0, 1): its number, over 2^64, is below the share. Who is held
// out at one share is held out at every larger one. Throws std::logic_error for another share.
bool is_held_out(std::uint64_t entity, double share);

}  // namespace retraind::data
