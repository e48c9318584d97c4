#include "core/settings/transport.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <sstream>
#include <vector>

#include "core/settings/include.h"

namespace retraind::settings {
namespace {

constexpr std::string_view kSystemFolder = "/etc/postgresql-common";  // where Debian's libpq has it
constexpr std::size_t kMostServiceBytes = std::size_t{1} << 20;
constexpr int kSystemRootsSince = 160000;  // sslrootcert=system
constexpr const char* kRemedy =
    "set sslmode=verify-full and sslrootcert=FILE (of the authority that signed the server's certificate; for a public "
    "one /etc/ssl/certs/ca-certificates.crt)";

using Options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

Options parse(std::string_view conninfo) {
  char* complaint = nullptr;
  Options options(PQconninfoParse(std::string(conninfo).c_str(), &complaint), &PQconninfoFree);
  PQfreemem(complaint);
  return options;
}

std::string_view trimmed(std::string_view line) {
  constexpr std::string_view kSpaces = " \t\r\f\v";
  while (!line.empty() && kSpaces.find(line.front()) != std::string_view::npos) line.remove_prefix(1);
  while (!line.empty() && kSpaces.find(line.back()) != std::string_view::npos) line.remove_suffix(1);
  return line;
}

// The section [name] of a service file, as parseServiceFile in libpq's fe-connect.c reads it; std::nullopt without one.
std::optional<ConnectionParameters> section_of(const std::string& text, std::string_view name) {
  std::optional<ConnectionParameters> out;
  std::istringstream lines(text);
  for (std::string whole; std::getline(lines, whole);) {
    const std::string_view line = trimmed(whole);
    if (line.empty() || line.front() == '#') continue;
    if (line.front() == '[') {
      if (out) return out;
      if (line.substr(1).starts_with(name) && line.substr(1 + name.size()).starts_with(']')) out.emplace();
    } else if (out) {
      const auto equals = line.find('=');
      if (equals == std::string_view::npos) continue;  // an LDAP address, or a line that libpq refuses when it connects
      out->try_emplace(std::string(line.substr(0, equals)), line.substr(equals + 1));
    }
  }
  return out;
}

ConnectionParameters service_parameters(const std::string& service, const LibpqSurroundings& surroundings) {
  std::vector<std::string> files;
  if (const auto file = surroundings.environment("PGSERVICEFILE")) {
    files.push_back(*file);
  } else if (const auto home = surroundings.environment("HOME")) {
    files.push_back(*home + "/.pg_service.conf");
  }
  files.push_back(surroundings.environment("PGSYSCONFDIR").value_or(std::string(kSystemFolder)) + "/pg_service.conf");
  for (const std::string& file : files) {
    const auto text = surroundings.read_file(file);
    if (!text) continue;
    if (auto found = section_of(*text, service)) return *found;
  }
  return {};
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream parts(list);
  for (std::string part; std::getline(parts, part, ',');) out.push_back(part);
  if (list.empty() || list.back() == ',') out.emplace_back();
  return out;
}

std::string value(const ConnectionParameters& parameters, const char* name) {
  const auto found = parameters.find(name);
  return found == parameters.end() ? std::string() : found->second;
}

// Where a connection may leave this machine for, first of all; std::nullopt: nowhere.
std::optional<std::string> first_remote(const ConnectionParameters& parameters) {
  const std::vector<std::string> hosts = split(value(parameters, "host"));
  const std::vector<std::string> addresses = split(value(parameters, "hostaddr"));
  for (std::size_t i = 0; i < std::max(hosts.size(), addresses.size()); ++i) {
    const std::string host = i < hosts.size() ? hosts[i] : "";
    const std::string address = i < addresses.size() ? addresses[i] : "";
    if (!address.empty()) {
      if (!is_loopback(address)) return host.empty() ? address : host;
    } else if (!host.empty() && host.front() != '/' && host.front() != '@' && !is_loopback(host)) {
      return host;
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_loopback(std::string_view host) {
  if (host == "localhost" || host == "localhost.") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  std::array<unsigned char, 16> bytes{};
  const std::string text(host);
  if (::inet_pton(AF_INET, text.c_str(), bytes.data()) == 1) return bytes[0] == 127;
  if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) != 1) return false;
  constexpr std::array<unsigned char, 16> kOne = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes == kOne;
}

LibpqSurroundings libpq_surroundings() {
  return {.environment = [](const std::string& variable) -> std::optional<std::string> {
            const char* found = std::getenv(variable.c_str());
            return found == nullptr ? std::nullopt : std::optional<std::string>(found);
          },
          .read_file = [](const std::string& path) { return read_file(path, kMostServiceBytes).text; },
          .version = PQlibVersion()};
}

std::optional<ConnectionParameters> effective_parameters(std::string_view conninfo,
                                                         const LibpqSurroundings& surroundings) {
  const Options options = parse(conninfo);
  if (!options) return std::nullopt;
  ConnectionParameters out;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) out[option->keyword] = option->val;
  }
  std::optional<std::string> service;
  if (const auto said = out.find("service"); said != out.end()) service = said->second;
  if (!service) service = surroundings.environment("PGSERVICE");
  if (service) out.merge(service_parameters(*service, surroundings));
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (out.contains(option->keyword)) continue;
    std::optional<std::string> found;
    if (option->envvar != nullptr) found = surroundings.environment(option->envvar);
    if (!found && option->compiled != nullptr) found = option->compiled;
    if (found) out[option->keyword] = *found;
  }
  return out;
}

std::optional<std::string> find_transport_fault(const ConnectionParameters& parameters, int libpq_version) {
  const auto host = first_remote(parameters);
  if (!host) return std::nullopt;
  const std::string mode = value(parameters, "sslmode");
  const bool system_roots = value(parameters, "sslrootcert") == "system";
  // From PostgreSQL 16 on libpq takes nothing less than verify-full with it.
  if (mode == "verify-full" || (system_roots && libpq_version >= kSystemRootsSince)) return std::nullopt;
  if (value(parameters, "gssencmode") == "require") return std::nullopt;
  std::string danger;
  if (mode == "verify-ca") {
    danger = "whoever has any certificate of the same authority can answer in its place (sslmode=verify-ca)";
  } else if (mode == "require") {
    danger = "it is encrypted, but whoever answers in its place is not noticed (sslmode=require)";
  } else if (mode == "disable") {
    danger = "everybody in between can read along (sslmode=disable)";
  } else {
    danger = fmt::format("it is encrypted only where whoever answers offers it (sslmode={})",
                         mode.empty() ? "prefer" : mode);
  }
  std::string out = fmt::format("the connection to {} leaves this machine, and {}; {}", *host, danger, kRemedy);
  if (system_roots) {
    out += fmt::format("; sslrootcert=system needs libpq 16, this is {}, which takes it for the name of a file",
                       libpq_version / 10000);
  }
  return out;
}

}  // namespace retraind::settings
