#include "core/settings/load.h"
#include "core/settings/snapshot.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void settings_toml(std::string_view input) {
  // Never throws for what stands in a file: it complains.
  const settings::Loaded loaded = settings::load_text(input, "fuzz.toml", "host");
  for (const settings::Complaint& complaint : loaded.complaints)
    require(!complaint.text().empty(), "a complaint speaks");
  if (!loaded.complaints.empty()) return;
  for (const auto& [name, model] : loaded.settings.models) {
    const std::string snapshot = settings::to_json(model);
    require(settings::to_json(settings::model_from_json(snapshot)) == snapshot, "a snapshot is read back as it was");
  }
}

}  // namespace retraind::fuzz
