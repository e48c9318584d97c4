#include "core/train/artifact.h"

#include <archive.h>
#include <archive_entry.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>

#include "core/base/error.h"

namespace retraind::train {
namespace {

constexpr std::string_view kManifest = "manifest.json";
constexpr std::string_view kPreparation = "preparation.json";
constexpr std::string_view kModelFolder = "model/";
constexpr std::size_t kMostNameBytes = 90;  // with "model/" in front it still fits the 100 bytes of a ustar name
constexpr std::size_t kBlock = 512;
constexpr std::int64_t kMostEntryBytes = std::int64_t{2} << 30;
constexpr int kMode = 0644;

using Writer = std::unique_ptr<archive, decltype(&archive_write_free)>;
using Reader = std::unique_ptr<archive, decltype(&archive_read_free)>;
using Entry = std::unique_ptr<archive_entry, decltype(&archive_entry_free)>;

std::size_t padded(std::size_t bytes) {
  return (bytes + kBlock - 1) / kBlock * kBlock;
}

la_ssize_t append(archive*, void* out, const void* bytes, std::size_t size) {
  static_cast<std::string*>(out)->append(static_cast<const char*>(bytes), size);
  return static_cast<la_ssize_t>(size);
}

void check_written(la_ssize_t code, archive* writer) {
  if (code < ARCHIVE_OK)
    throw std::logic_error(std::string("cannot pack an artifact: ") + archive_error_string(writer));
}

void add(archive* writer, const std::string& name, std::string_view bytes) {
  if (bytes.size() > static_cast<std::size_t>(kMostEntryBytes)) {
    throw DataError("the model's file " + name + " has " + std::to_string(bytes.size()) +
                    " bytes; an artifact holds files up to " + std::to_string(kMostEntryBytes));
  }
  // Every field is set: what the same contents give must not depend on who packs, where or when.
  const Entry entry(archive_entry_new(), archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kMode);
  archive_entry_set_uid(entry.get(), 0);
  archive_entry_set_gid(entry.get(), 0);
  archive_entry_set_mtime(entry.get(), 0, 0);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(bytes.size()));
  check_written(archive_write_header(writer, entry.get()), writer);
  if (!bytes.empty()) check_written(archive_write_data(writer, bytes.data(), bytes.size()), writer);
  check_written(archive_write_finish_entry(writer), writer);
}

[[noreturn]] void refuse(const std::string& what) {
  throw DataError("the artifact is not one that retraind wrote: " + what,
                  "its bytes were changed after they were stored; roll back to a version that can be read");
}

std::string printable(const char* name) {
  if (name == nullptr) return "(no name)";
  std::string out;
  for (const char* c = name; *c != '\0' && out.size() < kMostNameBytes; ++c) out += *c >= ' ' && *c <= '~' ? *c : '?';
  return out;
}

// The header fields that pack sets, as pack sets them.
void check_header(archive_entry* entry) {
  const std::string name = printable(archive_entry_pathname(entry));
  if (archive_entry_hardlink(entry) != nullptr || archive_entry_symlink(entry) != nullptr) refuse(name + " is a link");
  if (archive_entry_filetype(entry) != AE_IFREG) refuse(name + " is not a regular file");
  if (archive_entry_perm(entry) != kMode || archive_entry_uid(entry) != 0 || archive_entry_gid(entry) != 0 ||
      archive_entry_mtime(entry) != 0) {
    refuse(name + " has an owner, a mode or a time of its own");
  }
  if (archive_entry_sparse_count(entry) != 0) refuse(name + " has holes");
}

std::string read_contents(archive* reader, archive_entry* entry, std::size_t available) {
  const std::string name = printable(archive_entry_pathname(entry));
  const la_int64_t size = archive_entry_size(entry);
  if (!archive_entry_size_is_set(entry) || size < 0 || size > kMostEntryBytes) {
    refuse(name + " claims " + std::to_string(size) + " bytes; at most " + std::to_string(kMostEntryBytes) +
           " are allowed");
  }
  // Asked before any memory is taken for it.
  if (static_cast<std::size_t>(size) > available) refuse(name + " is cut off");
  std::string contents(static_cast<std::size_t>(size), '\0');
  std::size_t got = 0;
  while (got < contents.size()) {
    const la_ssize_t n = archive_read_data(reader, contents.data() + got, contents.size() - got);
    if (n <= 0) refuse(name + " is cut off");
    got += static_cast<std::size_t>(n);
  }
  return contents;
}

}  // namespace

bool can_hold_model_file(std::string_view name) {
  if (name.empty() || name.size() > kMostNameBytes) return false;
  if (name.front() == '/' || name.back() == '/') return false;
  if (name.find("..") != std::string_view::npos || name.find("//") != std::string_view::npos) return false;
  if (name.starts_with("./") || name == "." || name.ends_with("/.") || name.find("/./") != std::string_view::npos) {
    return false;
  }
  for (const char c : name) {
    if (c == '\0' || c == '\n' || c == '\r') return false;
  }
  return true;
}

std::string pack(const Artifact& artifact) {
  for (const auto& [name, bytes] : artifact.model_files) {
    if (!can_hold_model_file(name)) throw std::logic_error("a model file cannot be called \"" + name + "\"");
  }
  std::string out;
  const Writer writer(archive_write_new(), archive_write_free);
  check_written(archive_write_set_format_ustar(writer.get()), writer.get());
  // Blocks of 512 bytes, so that nothing but the two closing blocks follows the last file.
  check_written(archive_write_set_bytes_per_block(writer.get(), static_cast<int>(kBlock)), writer.get());
  check_written(archive_write_set_bytes_in_last_block(writer.get(), static_cast<int>(kBlock)), writer.get());
  check_written(archive_write_open(writer.get(), &out, nullptr, append, nullptr), writer.get());
  // In bytewise order of the names: manifest.json, model/…, preparation.json.
  add(writer.get(), std::string(kManifest), artifact.manifest);
  for (const auto& [name, bytes] : artifact.model_files) add(writer.get(), std::string(kModelFolder) + name, bytes);
  add(writer.get(), std::string(kPreparation), artifact.preparation.to_json());
  check_written(archive_write_close(writer.get()), writer.get());
  return out;
}

Artifact unpack(std::string_view bytes) {
  const Reader reader(archive_read_new(), archive_read_free);
  if (archive_read_support_format_tar(reader.get()) != ARCHIVE_OK) throw std::logic_error("libarchive cannot read tar");
  if (bytes.empty() || archive_read_open_memory(reader.get(), bytes.data(), bytes.size()) != ARCHIVE_OK) {
    refuse("it is empty");
  }

  Artifact artifact;
  std::optional<std::string> manifest;
  std::optional<std::string> preparation;
  std::string previous;
  std::size_t expected_bytes = 2 * kBlock;
  while (true) {
    archive_entry* entry = nullptr;  // owned by the reader
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK) {
      const char* why = archive_error_string(reader.get());
      refuse(why != nullptr ? why : "it cannot be read as a tar archive");
    }
    if (archive_format(reader.get()) != ARCHIVE_FORMAT_TAR_USTAR) refuse("it is not in the ustar format");
    check_header(entry);
    const char* raw_name = archive_entry_pathname(entry);
    const std::string name = raw_name != nullptr ? raw_name : "";
    if (name <= previous) refuse(printable(raw_name) + " is there twice or out of order");
    previous = name;

    std::string contents = read_contents(reader.get(), entry, bytes.size());
    expected_bytes += kBlock + padded(contents.size());
    if (name == kManifest) {
      manifest = std::move(contents);
    } else if (name == kPreparation) {
      preparation = std::move(contents);
    } else if (name.starts_with(kModelFolder) && can_hold_model_file(name.substr(kModelFolder.size()))) {
      artifact.model_files.emplace(name.substr(kModelFolder.size()), std::move(contents));
    } else {
      refuse("it holds " + printable(raw_name));
    }
  }
  // Extension headers, a second archive behind the first and a cut-off end all show in the length.
  if (bytes.size() != expected_bytes) {
    refuse("it has " + std::to_string(bytes.size()) + " bytes, and its files take " + std::to_string(expected_bytes));
  }
  if (bytes.substr(bytes.size() - 2 * kBlock).find_first_not_of('\0') != std::string_view::npos) {
    refuse("it does not end where its files end");
  }
  if (!manifest) refuse("manifest.json is missing");
  if (!preparation) refuse("preparation.json is missing");
  artifact.manifest = std::move(*manifest);
  artifact.preparation = data::Preparation::from_json(*preparation);
  return artifact;
}

}  // namespace retraind::train
