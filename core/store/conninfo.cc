#include "core/store/conninfo.h"

#include <libpq-fe.h>

#include <map>
#include <memory>

#include "core/base/error.h"

namespace retraind::store {
namespace {

using Options = std::map<std::string, std::string>;

Options parse_options(std::string_view conninfo) {
  char* complaint = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(std::string(conninfo).c_str(), &complaint), &PQconninfoFree);
  if (!options) {
    std::string text = complaint != nullptr ? complaint : "out of memory";
    PQfreemem(complaint);
    while (!text.empty() && text.back() == '\n') text.pop_back();
    throw ConfigError("connection string cannot be read: " + text,
                      "write it as libpq does: \"host=db dbname=market user=reader\" or a postgresql:// URI");
  }
  Options out;
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) out[option->keyword] = option->val;
  }
  return out;
}

std::string quote(const std::string& value) {
  std::string out = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

}  // namespace

std::string with_defaults(std::string_view conninfo, std::string_view application_name, bool read_write) {
  Options options = parse_options(conninfo);
  options.try_emplace("application_name", application_name);
  options.try_emplace("client_encoding", "UTF8");
  options.try_emplace("connect_timeout", "10");
  options.try_emplace("keepalives_idle", "10");
  options.try_emplace("keepalives_interval", "5");
  options.try_emplace("keepalives_count", "2");
  options.try_emplace("tcp_user_timeout", "15000");
  if (read_write) options.try_emplace("target_session_attrs", "read-write");
  std::string out;
  for (const auto& [key, value] : options) out += (out.empty() ? "" : " ") + key + "=" + quote(value);
  return out;
}

std::string describe(std::string_view conninfo) {
  const Options options = parse_options(conninfo);
  std::string out;
  for (const char* key : {"service", "host", "hostaddr", "port", "dbname", "user"}) {
    if (const auto found = options.find(key); found != options.end()) {
      out += (out.empty() ? "" : " ") + found->first + "=" + found->second;
    }
  }
  return out.empty() ? "libpq's defaults" : out;
}

}  // namespace retraind::store
