#include "core/release/export_model.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <boost/json.hpp>
#include <cerrno>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/release/folder.h"
#include "core/release/load_note.h"
#include "core/release/printable.h"
#include "core/release/version_files.h"

namespace retraind::release {
namespace {

namespace json = boost::json;

json::object parse_manifest(const std::string& text) {
  boost::system::error_code error;
  json::value value = json::parse(text, error);
  if (error || !value.is_object()) throw DataError("the manifest of the artifact is no JSON object");
  return std::move(value.get_object());
}

Files files_to_export(const ModelToExport& wanted) {
  Files files = files_of(wanted.artifact);
  json::object manifest = parse_manifest(files.at("manifest.json"));
  files.erase("manifest.json");
  files["README.txt"] = load_note(wanted, manifest, files);
  if (!wanted.lineage.empty()) files["lineage.json"] = wanted.lineage + "\n";
  json::object hashes;
  for (const auto& [name, sha256] : hashes_of(files)) hashes[name] = sha256;
  manifest["model"] = wanted.model;
  manifest["version"] = wanted.version;
  manifest["artifact_sha256"] = wanted.artifact_sha256;
  manifest["files"] = std::move(hashes);
  files["manifest.json"] = json::serialize(manifest) + "\n";
  return files;
}

// What is in the way is refused before anything is written.
void require_room(int parent, const std::string& name, const std::string& where) {
  const auto about = find_entry(parent, name);
  if (!about) return;
  if (!S_ISDIR(about->st_mode)) {
    throw DataError(fmt::format("{} is in the way: it is a link or a file", where), "name a folder that is not there");
  }
  const Descriptor folder = open_folder(parent, name);
  const auto entries = list_entries(folder.get());
  if (entries.empty()) return;
  throw DataError(fmt::format("{} is not empty: it holds {}{}", where, printable_line(entries.front(), 100),
                              entries.size() > 1 ? fmt::format(" and {} more", entries.size() - 1) : ""),
                  "name a folder that is not there, or an empty one");
}

}  // namespace

std::string export_model(const std::filesystem::path& directory, const ModelToExport& wanted, std::stop_token stop) {
  if (const std::string sha256 = to_hex(retraind::sha256(wanted.artifact)); sha256 != wanted.artifact_sha256) {
    throw DataError(fmt::format("the artifact of version {} has the sha256 {}, not {}", wanted.version, sha256,
                                wanted.artifact_sha256));
  }
  const Files files = files_to_export(wanted);
  std::filesystem::path path = std::filesystem::absolute(directory).lexically_normal();
  if (!path.has_filename()) path = path.parent_path();
  const std::string where = path.string();
  const std::string name = path.filename().string();
  if (name.empty()) throw DataError(fmt::format("{} is no folder to export to", where));

  const Descriptor parent(::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent && errno == ENOENT) {
    throw DataError(fmt::format("the folder that should hold {} is not there", where), "create it");
  }
  if (!parent) fail("opening the folder above " + where);
  require_room(parent.get(), name, where);
  // Of this process alone, so that two exports do not write into one.
  const std::string fresh = fmt::format(".{}.{}.new", name, ::getpid());
  try {
    write_files(parent.get(), fresh, files, stop);
    rename_entry(parent.get(), fresh, name);  // onto an empty folder too, and onto no other
    sync_folder(parent.get(), where);
  } catch (const Error& error) {
    try {
      remove_tree(parent.get(), fresh);
    } catch (const Error&) {
      // What went wrong first is what counts.
    }
    throw TransientError(
        fmt::format("{} was not written: {}", where, error.what()),
        fmt::format("check that you may write in {} and that its disk has room", path.parent_path().string()));
  }
  return fmt::format("{} files, {}", files.size(), format_bytes(bytes_of(files)));
}

}  // namespace retraind::release
