#pragma once
// A folder of files with the owners and permissions that a test gives them; removed with the object. Where the tests
// are root's, it is root's.

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace retraind::custody::testing {

class Tree {
 public:
  Tree() {
    std::string pattern = (std::filesystem::temp_directory_path() / "retraind-custody-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    folder_ = std::filesystem::canonical(pattern);
  }
  ~Tree() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  // With its folders, which are the caller's own.
  std::filesystem::path file(const std::string& name, mode_t mode, uid_t owner = ::geteuid(),
                             const std::string& text = "") const {
    std::filesystem::create_directories(path(name).parent_path());
    std::ofstream(path(name)) << text;
    set(name, mode, owner);
    return path(name);
  }
  void set(const std::string& name, mode_t mode, uid_t owner = ::geteuid()) const {
    if (::chown(path(name).c_str(), owner, static_cast<gid_t>(-1)) != 0 || ::chmod(path(name).c_str(), mode) != 0) {
      throw std::runtime_error("permissions of " + name + " cannot be set");
    }
  }

 private:
  std::filesystem::path folder_;
};

}  // namespace retraind::custody::testing
