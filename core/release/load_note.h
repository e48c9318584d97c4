#pragma once
// README.txt of an exported model: how to use it without retraind. For the .cc files of this module. Pure.

#include <boost/json/object.hpp>
#include <string>

#include "core/release/export_model.h"
#include "core/release/version_files.h"

namespace retraind::release {

// `manifest` is the artifact's own, `files` what is exported beside it.
std::string load_note(const ModelToExport& wanted, const boost::json::object& manifest, const Files& files);

}  // namespace retraind::release
