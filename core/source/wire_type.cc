#include "core/source/wire_type.h"

#include <fmt/format.h>

namespace retraind::source {

// The numbers are fixed in PostgreSQL's pg_type.dat.
std::optional<WireType> wire_type(std::uint32_t oid, bool is_enum) {
  if (is_enum) return WireType::text;
  switch (oid) {
    case 16:
      return WireType::boolean;
    case 19:
      return WireType::text;  // name
    case 20:
      return WireType::int8;
    case 21:
      return WireType::int2;
    case 23:
      return WireType::int4;
    case 25:
      return WireType::text;
    case 700:
      return WireType::float4;
    case 701:
      return WireType::float8;
    case 1042:
      return WireType::padded_text;
    case 1043:
      return WireType::text;  // varchar
    case 1082:
      return WireType::date;
    case 1114:
      return WireType::timestamp;
    case 1184:
      return WireType::timestamptz;
    case 1700:
      return WireType::numeric;
    case 2950:
      return WireType::uuid;
    default:
      return std::nullopt;
  }
}

data::ValueType value_type(WireType type) {
  switch (type) {
    case WireType::int2:
    case WireType::int4:
    case WireType::int8:
    case WireType::float4:
    case WireType::float8:
    case WireType::numeric:
      return data::ValueType::number;
    case WireType::boolean:
      return data::ValueType::boolean;
    case WireType::text:
    case WireType::padded_text:
    case WireType::uuid:
      return data::ValueType::category;
    case WireType::date:
    case WireType::timestamp:
    case WireType::timestamptz:
      break;
  }
  return data::ValueType::instant;
}

namespace {

// As a person would write it: in quotes only where SQL needs them.
std::string spell_name(std::string_view name) {
  const bool plain = name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos &&
                     !name.empty() && (name[0] < '0' || name[0] > '9');
  if (plain) return std::string(name);
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + '"';
}

}  // namespace

std::string cannot_read(std::string_view column, std::string_view sql_type) {
  const std::string name = spell_name(column);
  std::string advice = fmt::format("CAST({} AS text)", name);
  if (sql_type.ends_with("[]")) {
    advice = fmt::format("{}[1] or cardinality({})", name, name);
  } else if (sql_type == "json" || sql_type == "jsonb") {
    advice = fmt::format("{}->>'x' or CAST({} AS text)", name, name);
  } else if (sql_type.starts_with("interval") || sql_type.starts_with("time")) {
    advice = fmt::format("EXTRACT(epoch FROM {})", name);
  } else if (sql_type == "bytea") {
    advice = fmt::format("encode({}, 'hex')", name);
  } else if (sql_type == "money") {
    advice = fmt::format("CAST({} AS numeric)", name);
  } else if (sql_type == "oid" || sql_type == "xid8") {
    advice = fmt::format("CAST({} AS bigint)", name);
  }
  return fmt::format("column \"{}\" has type {}, which retraind cannot read; write {} in the query", column, sql_type,
                     advice);
}

}  // namespace retraind::source
