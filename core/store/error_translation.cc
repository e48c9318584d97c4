#include "core/store/error_translation.h"

#include <fmt/format.h>

#include <pqxx/except>

#include "core/base/error.h"

namespace retraind::store {

bool is_transient(std::string_view state) {
  const std::string_view kind = state.substr(0, 2);
  return kind == "08" || kind == "40" || kind == "53" || kind == "55" || kind == "57" || kind == "58" ||
         state == "25006" || state == "25P03";
}

std::string first_line(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  for (const std::string_view prefix : {"ERROR:", "FATAL:"}) {
    if (line.substr(0, prefix.size()) == prefix) line.remove_prefix(prefix.size());
  }
  while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
  return std::string(line);
}

namespace {

// What the server advises, below its message; empty when it does not.
std::string hint_of(std::string_view text) {
  constexpr std::string_view kLine = "\nHINT:";
  const std::size_t at = text.find(kLine);
  return at == std::string_view::npos ? std::string() : first_line(text.substr(at + kLine.size()));
}

}  // namespace

void throw_translated(const pqxx::sql_error& error, std::string_view name, std::string_view description) {
  // libpqxx 6.4 leaves the code of a refused permission out.
  const bool refused = dynamic_cast<const pqxx::insufficient_privilege*>(&error) != nullptr;
  const std::string state = refused ? "42501" : error.sqlstate();
  const std::string what = first_line(error.what());
  if (state.empty() || is_transient(state)) {
    throw TransientError(fmt::format("{}: the database ({}) answered: {} (SQLSTATE {})", name, description, what,
                                     state.empty() ? "none" : state));
  }
  if (state == "P0001" || state.substr(0, 2) == "RT") throw DataError(what, hint_of(error.what()));
  if (state == "42P01" || state == "3F000" || state == "42883") {
    throw ConfigError(fmt::format("{}: the database ({}) lacks part of schema retraind: {}", name, description, what),
                      "run `retraind migrate`");
  }
  if (state == "42501") {
    throw ConfigError(fmt::format("{}: the database ({}) refused: {}", name, description, what),
                      "as the schema's owner: GRANT retraind_reader TO this login (to look), or retraind_operator (to "
                      "steer), or retraind_daemon (the daemon; to reproduce, export and predict)");
  }
  if (state.substr(0, 2) == "23") {
    throw DataError(fmt::format("{}: the registry refused: {} (SQLSTATE {})", name, what, state));
  }
  throw std::logic_error(fmt::format("{}: {} (SQLSTATE {})", name, what, state));
}

}  // namespace retraind::store
