#pragma once
// A folder that a user's program works in, made for one call of it and removed afterwards, whatever the program made of
// it: folders without permissions, a hundred thousand of them one inside the other. In a worker only, and nothing may
// be running in it any more when it is removed. One thread.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>

namespace retraind::train {

class PrivateFolder {
 public:
  // Below `parent`, with a name of its own, for this user only. Throws std::system_error.
  explicit PrivateFolder(const std::filesystem::path& parent);
  // What cannot be removed stays; the folder it is in goes with its run.
  ~PrivateFolder();
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }  // absolute

  // Writes a new file, for this user only; `name` may name folders, which are made. Throws std::system_error when the
  // file is there already or cannot be written.
  void write(std::string_view name, std::string_view contents);
  void write(std::string_view name, const std::function<void(std::ostream& out)>& writer);
  void make_folder(std::string_view name);
  // The files of a model, below the folder `name`. Throws DataError for a name that an artifact cannot hold.
  void write_files(std::string_view name, const std::map<std::string, std::string>& files);
  // Throws DataError when what was written takes more than a command's folder may.
  void check_size(std::uint64_t most_bytes) const;

 private:
  std::filesystem::path path_;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace retraind::train
