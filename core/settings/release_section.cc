#include <fmt/format.h>

#include "core/settings/sections.h"
#include "core/settings/url.h"

namespace retraind::settings {
bool read_argv(TableReader& reader, std::string_view key, std::vector<std::string>& out) {
  constexpr std::string_view kExpected = "an array of strings, the first an absolute path";
  const Entry* entry = reader.ask(key, std::string(kExpected), "");
  if (entry == nullptr) return false;
  const auto* array = std::get_if<Node::Array>(&entry->node.value);
  if (array == nullptr) {
    reader.complain(key, fmt::format("expected {}, found {}", kExpected, describe(entry->node)));
    return false;
  }
  if (array->empty()) {
    reader.complain(key,
                    fmt::format("expected {}, found none; leave the key out when nothing is to be run", kExpected));
    return false;
  }
  std::vector<std::string> argv;
  for (const Node& element : *array) {
    const auto* text = std::get_if<std::string>(&element.value);
    const bool fits = text != nullptr && text->find('\0') == std::string::npos &&
                      (!argv.empty() || std::filesystem::path(*text).is_absolute());
    if (!fits) {
      reader.complain_at(element.place, fmt::format("{}.{}: expected {}, found {} in it", reader.path(), key, kExpected,
                                                    describe(element)));
      return false;
    }
    argv.push_back(*text);
  }
  reader.mention(Mention::What::command, key, argv);
  out = std::move(argv);
  return true;
}

void read_release(TableReader& reader, Release& out) {
  reader.absolute_path("directory", out.directory);
  read_argv(reader, "on_promote", out.on_promote);
  if (reader.text("webhook", out.webhook, "an address such as \"https://example.com/hooks/retraind\"")) {
    if (const auto fault = find_webhook_fault(out.webhook)) {
      reader.complain("webhook", *fault);
      out.webhook.clear();
    } else {
      reader.mention(Mention::What::url, "webhook", {out.webhook});
    }
  }
  if (reader.absolute_path("webhook_secret_file", out.webhook_secret_file)) {
    reader.mention(Mention::What::webhook_secret, "webhook_secret_file", {out.webhook_secret_file.string()});
  }
  if (reader.has("webhook_secret_file") && !reader.has("webhook")) {
    reader.complain("webhook_secret_file", "signs what is sent to `webhook`, and there is none");
  }
  reader.duration("timeout", out.timeout, {std::chrono::seconds(1), std::chrono::hours(1)});
  reader.finish();
}

}  // namespace retraind::settings
