#include "core/train/private_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/base/text.h"
#include "core/train/artifact.h"

namespace retraind::train {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kFolderMode = 0700;
constexpr mode_t kFileMode = 0600;
constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

std::vector<std::string> names_in(int folder) {
  std::vector<std::string> out;
  // The stream gets an open folder of its own, which closedir closes.
  const int own = ::openat(folder, ".", kFolderFlags);
  if (own < 0) return out;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(own), ::closedir);
  if (!stream) {
    ::close(own);
    return out;
  }
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") out.push_back(name);
  }
  return out;
}

bool is_folder(int parent, const std::string& name) {
  struct stat status {};
  return ::fstatat(parent, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(status.st_mode);
}

// Lets its owner into a folder. Where that fails, opening or removing it fails next, and it stays.
void open_up(int parent, const std::string& name) {
  [[maybe_unused]] const int failed = ::fchmodat(parent, name.c_str(), kFolderMode, 0);
}

// Empties the folder with three open files and no recursion, however deep it is: what a subfolder holds is moved up
// into the folder itself, until there is no subfolder any more.
void empty_folder(int folder) {
  std::uint64_t moved = 0;
  std::vector<std::string> left = names_in(folder);
  while (!left.empty()) {
    const std::string name = std::move(left.back());
    left.pop_back();
    if (!is_folder(folder, name)) {
      ::unlinkat(folder, name.c_str(), 0);
      continue;
    }
    // It is no link, and nobody is left who could put one into its place.
    open_up(folder, name);
    const Descriptor below(::openat(folder, name.c_str(), kFolderFlags));
    if (below.get() >= 0) {
      for (const std::string& inner : names_in(below.get())) {
        if (!is_folder(below.get(), inner)) {
          ::unlinkat(below.get(), inner.c_str(), 0);
          continue;
        }
        open_up(below.get(), inner);
        // The program may have taken such a name, too.
        std::string up = ".removed-" + std::to_string(moved++);
        while (::faccessat(folder, up.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
          up = ".removed-" + std::to_string(moved++);
        }
        if (::renameat(below.get(), inner.c_str(), folder, up.c_str()) == 0) left.push_back(std::move(up));
      }
    }
    ::unlinkat(folder, name.c_str(), AT_REMOVEDIR);
  }
}

}  // namespace

PrivateFolder::PrivateFolder(const fs::path& parent) {
  std::string name = (fs::absolute(parent) / "command-XXXXXX").lexically_normal().string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "cannot make a folder for a command in " + parent.string());
  }
  path_ = name;
}

PrivateFolder::~PrivateFolder() {
  try {
    ::chmod(path_.c_str(), kFolderMode);
    {
      const Descriptor folder(::open(path_.c_str(), kFolderFlags));
      if (folder.get() >= 0) empty_folder(folder.get());
    }
    ::rmdir(path_.c_str());
  } catch (const std::exception&) {
    // No memory for the names: the run's own folder is removed later, with this one in it.
  }
}

void PrivateFolder::make_folder(std::string_view name) {
  const fs::path folder = path_ / name;
  if (::mkdir(folder.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    throw std::system_error(errno, std::generic_category(), "cannot make the folder " + folder.string());
  }
}

void PrivateFolder::write(std::string_view name, const std::function<void(std::ostream& out)>& writer) {
  for (std::size_t slash = name.find('/'); slash != std::string_view::npos; slash = name.find('/', slash + 1)) {
    make_folder(name.substr(0, slash));
  }
  const fs::path file = path_ / name;
  const std::string what = "cannot write " + file.string();
  { const Descriptor made(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kFileMode), what.c_str()); }
  std::ofstream out(file, std::ios::binary);
  writer(out);
  if (const auto bytes = out.tellp(); bytes > 0) written_bytes_ += static_cast<std::uint64_t>(bytes);
  out.close();
  if (!out) throw std::system_error(errno, std::generic_category(), what);
}

void PrivateFolder::write(std::string_view name, std::string_view contents) {
  write(name,
        [contents](std::ostream& out) { out.write(contents.data(), static_cast<std::streamsize>(contents.size())); });
}

void PrivateFolder::write_files(std::string_view name, const std::map<std::string, std::string>& files) {
  make_folder(name);
  for (const auto& [file, contents] : files) {
    if (!can_hold_model_file(file)) throw DataError("a model's file cannot be called \"" + file + "\"");
    write(std::string(name) + "/" + file, contents);
  }
}

void PrivateFolder::check_size(std::uint64_t most_bytes) const {
  if (written_bytes_ <= most_bytes) return;
  throw DataError("the rows and files for the command take " + format_bytes(written_bytes_) +
                      ", more than training.disk_limit = " + format_bytes(most_bytes),
                  "raise training.disk_limit, or train on fewer rows");
}

}  // namespace retraind::train
