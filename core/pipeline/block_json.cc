#include "core/pipeline/block_json.h"

#include <boost/algorithm/hex.hpp>
#include <iterator>

#include "core/pipeline/json_access.h"

namespace retraind::pipeline {

namespace json = boost::json;

json::value write_columns(const std::vector<registry::ReferenceColumn>& columns) {
  json::array out;
  for (const registry::ReferenceColumn& column : columns) {
    out.push_back({{"profile", stats::to_json(column.profile)},
                   {"role", to_text(column.role)},
                   {"importance", column.importance ? json::value(exact(*column.importance)) : json::value(nullptr)}});
  }
  return out;
}

json::value write_blocks(const std::vector<registry::Block>& blocks) {
  json::array out;
  for (const registry::Block& block : blocks) {
    std::string packed;
    boost::algorithm::hex_lower(block.packed, std::back_inserter(packed));
    out.push_back({{"index", block.index}, {"rows", block.rows}, {"packed", packed}});
  }
  return out;
}

std::vector<registry::ReferenceColumn> read_columns(const json::value& value, const std::string& what) {
  const auto* list = value.if_array();
  if (list == nullptr) throw DataError(what + " are not a list");
  std::vector<registry::ReferenceColumn> out;
  for (const json::value& item : *list) {
    const ObjectReader reader(item, what);
    registry::ReferenceColumn column{.profile = stats::profile_from_json(reader.text("profile")),
                                     .role = reader.word<ColumnRole>("role"),
                                     .importance = std::nullopt};
    if (reader.has("importance")) {
      column.importance = reader.number("importance");
      if (*column.importance < 0 || *column.importance > 1) {
        throw DataError(fmt::format("{}: an importance is {}", what, *column.importance));
      }
    }
    out.push_back(std::move(column));
  }
  return out;
}

std::vector<registry::Block> read_blocks(const json::value& value, const std::string& what) {
  const auto* list = value.if_array();
  if (list == nullptr) throw DataError(what + " are not a list");
  std::vector<registry::Block> out;
  for (const json::value& item : *list) {
    const ObjectReader reader(item, what);
    registry::Block block{
        .index = reader.integer<std::int64_t>("index"), .rows = reader.integer<std::uint64_t>("rows"), .packed = {}};
    try {
      boost::algorithm::unhex(reader.text("packed"), std::back_inserter(block.packed));
    } catch (const boost::algorithm::hex_decode_error&) {
      throw DataError(what + ": a block is not in hexadecimal");
    }
    if (!out.empty() && out.back().index >= block.index) throw DataError(what + " do not ascend");
    out.push_back(std::move(block));
  }
  return out;
}

}  // namespace retraind::pipeline
