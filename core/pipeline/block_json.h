#pragma once
// Reference columns and packed blocks on their way between the daemon and a worker. Private to core/pipeline.

#include <boost/json/value.hpp>
#include <string>
#include <vector>

#include "core/registry/blocks.h"
#include "core/registry/versions.h"

namespace retraind::pipeline {

boost::json::value write_columns(const std::vector<registry::ReferenceColumn>& columns);
boost::json::value write_blocks(const std::vector<registry::Block>& blocks);

// Throw DataError, naming `what`, for anything the two above did not write. Blocks must ascend.
std::vector<registry::ReferenceColumn> read_columns(const boost::json::value& value, const std::string& what);
std::vector<registry::Block> read_blocks(const boost::json::value& value, const std::string& what);

}  // namespace retraind::pipeline
