#pragma once
// Findings and search trials as they travel from the worker to the daemon. For the .cc files of this module only.

#include <boost/json/fwd.hpp>
#include <vector>

#include "core/data/finding.h"
#include "core/pipeline/search.h"

namespace retraind::pipeline {

boost::json::value write_findings(const std::vector<data::Finding>& findings);
// Throws DataError, here and below, for what the above did not write, and for more than a worker would ever find.
std::vector<data::Finding> read_findings(const boost::json::value& value);

boost::json::value write_trials(const std::vector<SearchTrial>& trials);
std::vector<SearchTrial> read_trials(const boost::json::value& value);

// A trainer's parameters, with whole and real numbers kept apart.
boost::json::value write_parameters(const std::map<std::string, settings::Parameter>& parameters);
std::map<std::string, settings::Parameter> read_parameters(const boost::json::value& value);
// For people and SQL: {"eta": 0.1, "max_depth": 6}.
std::string plain_json(const std::map<std::string, settings::Parameter>& parameters);

}  // namespace retraind::pipeline
