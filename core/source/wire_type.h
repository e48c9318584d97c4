#pragma once
// The PostgreSQL types that retraind reads, by how they look in binary COPY. Pure values.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/data/schema.h"

namespace retraind::source {

enum class WireType {
  int2,
  int4,
  int8,
  float4,
  float8,
  numeric,
  boolean,
  text,
  padded_text,  // char(n): trailing blanks mean nothing and are stripped
  uuid,
  date,
  timestamp,
  timestamptz
};

// std::nullopt for a type retraind does not read.
std::optional<WireType> wire_type(std::uint32_t oid, bool is_enum);

data::ValueType value_type(WireType type);

// "column "payload" has type jsonb, which retraind cannot read; write payload->>'x' or CAST(payload AS text) in the
// query": the complaint about a column of another type, with a cast that fits the type.
std::string cannot_read(std::string_view column, std::string_view sql_type);

}  // namespace retraind::source
