#pragma once
// What was measured of a candidate, as it travels from the worker to the daemon: doubles as exact texts, and nothing
// believed on the way back that our own worker could not have written. For the .cc files of this module only.

#include <boost/json/fwd.hpp>

#include "core/evaluate/compare.h"
#include "core/evaluate/facts.h"

namespace retraind::pipeline {

boost::json::value write_comparison(const evaluate::Comparison& comparison);
evaluate::Comparison read_comparison(const boost::json::value& value);  // throws DataError

boost::json::value write_facts(const evaluate::CandidateFacts& facts);
evaluate::CandidateFacts read_facts(const boost::json::value& value);  // throws DataError

}  // namespace retraind::pipeline
