#include "core/release/version_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/release/directory.h"
#include "core/release/printable.h"
#include "core/train/artifact.h"

namespace retraind::release {
namespace {

constexpr std::size_t kMostNameBytes = 255;  // of one part of a path
constexpr std::size_t kShownBytes = 200;

}  // namespace

bool is_safe_name(std::string_view name) {
  if (name.empty()) return false;
  while (true) {
    const std::string_view part = name.substr(0, name.find('/'));
    if (part.empty() || part == "." || part == ".." || part.size() > kMostNameBytes) return false;
    const bool odd = std::any_of(part.begin(), part.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\'; });
    if (odd) return false;
    if (part.size() == name.size()) return true;
    name.remove_prefix(part.size() + 1);
  }
}

Files files_of(std::string_view artifact) {
  train::Artifact unpacked = train::unpack(artifact);
  Files files;
  files["manifest.json"] = std::move(unpacked.manifest);
  files["preparation.json"] = unpacked.preparation.to_json();
  for (auto& [name, bytes] : unpacked.model_files) files["model/" + name] = std::move(bytes);
  for (const auto& [name, bytes] : files) {
    if (!is_safe_name(name)) {
      throw DataError(fmt::format("the artifact holds a file that is not written to a disk: \"{}\"",
                                  printable_line(name, kShownBytes)));
    }
  }
  return files;
}

Files hashes_of(const Files& files) {
  Files out;
  for (const auto& [name, bytes] : files) out[name] = to_hex(sha256(bytes));
  return out;
}

std::uint64_t bytes_of(const Files& files) {
  std::uint64_t out = 0;
  for (const auto& [name, bytes] : files) out += bytes.size();
  return out;
}

std::set<std::string> folders_of(const Files& files) {
  std::set<std::string> out;
  for (const auto& [name, ignored] : files) {
    for (std::size_t at = name.find('/'); at != std::string::npos; at = name.find('/', at + 1)) {
      out.insert(name.substr(0, at));
    }
  }
  return out;
}

std::pair<Descriptor, std::string> open_parent(int folder, const std::string& name) {
  Descriptor at = open_folder(folder, ".");
  std::size_t begin = 0;
  for (std::size_t slash = name.find('/'); slash != std::string::npos; slash = name.find('/', begin)) {
    at = open_folder(at.get(), name.substr(begin, slash - begin));
    begin = slash + 1;
  }
  return {std::move(at), name.substr(begin)};
}

void write_files(int parent, const std::string& name, const Files& files, const std::stop_token& stop) {
  remove_tree(parent, name);
  make_folder(parent, name);
  const Descriptor folder = open_folder(parent, name);
  const std::set<std::string> folders = folders_of(files);
  for (const std::string& below : folders) {
    const auto [above, last] = open_parent(folder.get(), below);
    make_folder(above.get(), last);
  }
  for (const auto& [file, bytes] : files) {
    const auto [above, last] = open_parent(folder.get(), file);
    write_file(above.get(), last, bytes, stop);
  }
  for (const std::string& below : folders) {
    const auto [above, last] = open_parent(folder.get(), below);
    const Descriptor itself = open_folder(above.get(), last);
    sync_folder(itself.get(), below);
  }
  sync_folder(folder.get(), name);
}

}  // namespace retraind::release
