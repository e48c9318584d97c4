#pragma once
// Words of a Prometheus server, made fit for our messages. Thread-safe: pure functions.

#include <string>
#include <string_view>

namespace retraind::source {

// The text in one line, cut where it is long. UTF-8 stays UTF-8.
std::string shown(std::string_view text);

// What an answer gives as its "error"; empty when it is no such answer.
std::string prometheus_words(std::string_view body);

}  // namespace retraind::source
