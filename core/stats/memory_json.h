#pragma once
// How the memory of a change detector stands in JSON: one object, counts as whole numbers, other numbers as texts, so
// that they come back exactly. Reading throws DataError. Pure.

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace retraind::stats {

[[noreturn]] void refuse_memory(const std::string& why);

boost::json::value number_json(double value);
boost::json::value count_json(std::uint64_t value);  // throws std::logic_error beyond 2^63 - 1

boost::json::object parse_memory(std::string_view text);
double number_of(const boost::json::value& value, std::string_view key);  // finite
double read_number(const boost::json::object& object, std::string_view key);
std::uint64_t read_count(const boost::json::object& object, std::string_view key);
bool read_flag(const boost::json::object& object, std::string_view key);

}  // namespace retraind::stats
