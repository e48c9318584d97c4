#include "core/release/directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <map>
#include <optional>
#include <set>

#include "core/base/error.h"
#include "core/base/sha256.h"
#include "core/base/text.h"
#include "core/release/folder.h"
#include "core/release/printable.h"
#include "core/release/version_files.h"

namespace retraind::release {
namespace {

constexpr const char* kCurrent = "current";
constexpr const char* kNewCurrent = ".current.new";
constexpr const char* kLock = ".retraind.lock";
constexpr const char* kReleaseFile = "release.json";
constexpr const char* kNewReleaseFile = ".release.json.new";
constexpr std::size_t kMostReleaseBytes = std::size_t{1} << 20;
constexpr std::size_t kMostNameBytes = 255;  // of one part of a path
constexpr std::size_t kShownBytes = 200;

bool others_may_write(const struct stat& about) {
  return (about.st_mode & 0022U) != 0;
}

// With a slash or a dot at its end a path would be followed where it is a link.
std::filesystem::path without_slash(const std::filesystem::path& path) {
  const std::filesystem::path normal = path.lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

Descriptor open_directory(const std::filesystem::path& directory) {
  const std::string name = directory.string();
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  if (::mkdir(name.c_str(), 0755) == 0) {
    const Descriptor above(::open(directory.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!above) fail("opening the folder above " + name);
    sync_folder(above.get(), name);
  } else if (errno == ENOENT) {
    throw TransientError(fmt::format("the folder that should hold {} is not there", name),
                         "create it, or correct release.directory");
  } else if (errno != EEXIST) {
    fail("creating the folder " + name);
  }
  Descriptor out(::open(name.c_str(), kFlags));
  if (!out && (errno == ELOOP || errno == ENOTDIR)) {
    throw DataError(fmt::format("{} is no folder but a link or a file", name),
                    "put the real path of a folder into release.directory");
  }
  if (!out) fail("opening the folder " + name);
  struct stat about {};
  if (::fstat(out.get(), &about) != 0) fail("looking at the folder " + name);
  if (others_may_write(about) && (about.st_mode & S_ISVTX) == 0) {
    throw DataError(fmt::format("{} may be written by others: its mode is {:04o}", name, about.st_mode & 07777U),
                    "chmod go-w: who can write there can replace a model");
  }
  return out;
}

Descriptor lock_directory(int root, const std::string& name) {
  Descriptor out(::openat(root, kLock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!out) fail(fmt::format("opening {}/{}", name, kLock));
  if (::flock(out.get(), LOCK_EX | LOCK_NB) == 0) return out;
  if (errno == EWOULDBLOCK) throw TransientError(fmt::format("another process exports to {} just now", name));
  fail(fmt::format("locking {}/{}", name, kLock));
}

bool is_version_name(std::string_view name) {
  return name.size() > 1 && name.size() < 12 && name.front() == 'v' &&
         name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

// Whose version this folder is, as its release.json has it; empty when it does not say.
std::string model_of(int root, const std::string& version) {
  const auto about = find_entry(root, version);
  if (!about || !S_ISDIR(about->st_mode)) return {};
  const Descriptor folder = open_folder(root, version);
  const auto text = read_small_file(folder.get(), kReleaseFile, kMostReleaseBytes);
  if (!text) return {};
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(*text, error);
  if (error || !value.is_object()) return {};
  const boost::json::value* model = value.as_object().if_contains("model");
  return model != nullptr && model->is_string() ? std::string(model->as_string()) : std::string();
}

// What stands in the way is refused before anything is written.
void check_in_the_way(int root, const std::string& where, const std::string& version, const std::string& model) {
  const auto refuse_other_model = [&](const std::string& folder) {
    const std::string owner = model_of(root, folder);
    if (!owner.empty() && owner != model) {
      throw DataError(
          fmt::format("{} holds versions of the model \"{}\" already", where, printable_line(owner, kShownBytes)),
          "give each model a release.directory of its own");
    }
  };
  if (const auto about = find_entry(root, version)) {
    if (!S_ISDIR(about->st_mode)) {
      throw DataError(fmt::format("{}/{} is in the way: it is a link or a file, not a folder", where, version),
                      "remove it");
    }
    if (about->st_uid != ::geteuid()) {
      throw DataError(fmt::format("{}/{} is in the way: it belongs to another user ({})", where, version,
                                  static_cast<unsigned long>(about->st_uid)),
                      "remove it, or give it to the daemon's user");
    }
    refuse_other_model(version);
  }
  if (const auto about = find_entry(root, kCurrent)) {
    if (!S_ISLNK(about->st_mode)) {
      throw DataError(fmt::format("{}/{} is in the way: it is no link", where, kCurrent), "remove it");
    }
    const auto target = read_link(root, kCurrent);
    if (target && is_version_name(*target)) refuse_other_model(*target);
  }
}

// Collects what is below a folder: regular files by name, with their sizes, and folders. Returns what is wrong with it.
std::optional<std::string> take_stock(int folder, const std::string& prefix,
                                      std::map<std::string, std::uint64_t>& files, std::set<std::string>& folders) {
  for (const std::string& entry : list_entries(folder)) {
    const std::string name = prefix + entry;
    const auto about = find_entry(folder, entry);
    if (!about) return name + " has just gone";
    const std::string said = printable_line(name, kShownBytes);
    if (S_ISREG(about->st_mode)) {
      files[name] = static_cast<std::uint64_t>(about->st_size);
    } else if (S_ISDIR(about->st_mode)) {
      if (folders.size() >= 1000) return said + " is one folder too many";
      folders.insert(name);
      const Descriptor below = open_folder(folder, entry);
      if (auto wrong = take_stock(below.get(), name + "/", files, folders)) return wrong;
    } else {
      return said + " is neither a file nor a folder";
    }
    if (others_may_write(*about)) return said + " may be written by others";
    if (about->st_uid != ::geteuid()) return said + " belongs to another user";
  }
  return std::nullopt;
}

// How an exported folder differs from what it should hold, release.json aside; std::nullopt when it does not.
std::optional<std::string> find_difference(int folder, const Files& files, const Files& hashes,
                                           const std::stop_token& stop) {
  struct stat about {};
  if (::fstat(folder, &about) != 0) fail("looking at a folder");
  if (others_may_write(about)) return "it may be written by others";
  std::map<std::string, std::uint64_t> there;
  std::set<std::string> folders;
  if (auto wrong = take_stock(folder, "", there, folders)) return wrong;
  there.erase(kReleaseFile);
  there.erase(kNewReleaseFile);  // of an export that was interrupted
  for (const auto& [name, size] : there) {
    const auto expected = files.find(name);
    if (expected == files.end()) return printable_line(name, kShownBytes) + " does not belong to it";
    if (expected->second.size() != size) return fmt::format("{} has {} bytes", name, size);
  }
  for (const auto& [name, bytes] : files) {
    if (!there.contains(name)) return name + " is missing";
  }
  if (folders != folders_of(files)) return "it holds a folder that does not belong to it";
  for (const auto& [name, sha256] : hashes) {
    const auto [parent, last] = open_parent(folder, name);
    if (hash_file(parent.get(), last, stop) != sha256) return name + " holds other bytes";
  }
  return std::nullopt;
}

void put_release_file(int folder, const std::string& release_file, const std::stop_token& stop) {
  if (read_small_file(folder, kReleaseFile, kMostReleaseBytes) == release_file) return;
  remove_tree(folder, kNewReleaseFile);
  write_file(folder, kNewReleaseFile, release_file, stop);
  rename_entry(folder, kNewReleaseFile, kReleaseFile);
  sync_folder(folder, kReleaseFile);
}

void switch_current(int root, const std::string& version) {
  if (find_entry(root, kCurrent) && read_link(root, kCurrent) == version) return;
  remove_tree(root, kNewCurrent);
  if (::symlinkat(version.c_str(), root, kNewCurrent) != 0) fail(fmt::format("creating the link {}", kNewCurrent));
  rename_entry(root, kNewCurrent, kCurrent);
  sync_folder(root, kCurrent);
}

}  // namespace

std::string export_version(const std::filesystem::path& directory, const Announcement& announcement,
                           std::string_view artifact, std::stop_token stop,
                           const std::function<void()>& before_switch) {
  if (const std::string sha256 = to_hex(retraind::sha256(artifact)); sha256 != announcement.artifact_sha256) {
    throw DataError(
        fmt::format("the artifact has the sha256 {}, and {} was promoted", sha256, announcement.artifact_sha256));
  }
  const Files files = files_of(artifact);
  const Files hashes = hashes_of(files);
  const std::string release_file = to_release_file(announcement, hashes);
  const std::string version = fmt::format("v{}", announcement.version);
  const std::string fresh = fmt::format(".{}.new", version);
  const std::filesystem::path path = without_slash(directory);
  const std::string where = path.string();

  const Descriptor root = open_directory(path);
  const Descriptor lock = lock_directory(root.get(), where);
  check_in_the_way(root.get(), where, version, announcement.model);

  std::optional<std::string> difference;
  const bool there = find_entry(root.get(), version).has_value();
  if (there) {
    const Descriptor folder = open_folder(root.get(), version);
    difference = find_difference(folder.get(), files, hashes, stop);
    if (!difference) put_release_file(folder.get(), release_file, stop);
  }
  if (!there || difference) {
    try {
      Files with_release = files;
      with_release[kReleaseFile] = release_file;
      write_files(root.get(), fresh, with_release, stop);
      if (there) {
        replace_folder(root.get(), fresh, version);
      } else {
        rename_entry(root.get(), fresh, version);
      }
    } catch (...) {
      // On a full disk half a version must not go on taking the room.
      try {
        remove_tree(root.get(), fresh);
      } catch (const Error&) {
        // The next export removes it; what went wrong first is what counts.
      }
      throw;
    }
  }
  sync_folder(root.get(), version);
  if (stop.stop_requested()) throw TransientError("the export was abandoned");
  before_switch();
  switch_current(root.get(), version);
  const std::string size =
      fmt::format("{} files, {}", files.size() + 1, format_bytes(bytes_of(files) + release_file.size()));
  if (difference)
    return fmt::format("{} differed ({}) and was written anew ({}), current -> {}", version, *difference, size,
                       version);
  if (there) return fmt::format("{} was there, its bytes were checked ({}), current -> {}", version, size, version);
  return fmt::format("{} written ({}), current -> {}", version, size, version);
}

}  // namespace retraind::release
