#pragma once
// Programs that misbehave, written into a folder of their own, and the facts to hold them to.

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

#include "core/cage/cage.h"

namespace retraind::cage {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

inline std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// Bombs that burn out by themselves: the machine that runs the tests must survive a cage that does not hold. All their
// processes together fork three hundred times.
inline const std::string kFuel =
    "import os, time\n"
    "tank, pump = os.pipe()\n"
    "os.write(pump, b'.' * 300)\n"
    "os.set_blocking(tank, False)\n"
    "def fuel():\n"
    "    try: return len(os.read(tank, 1)) > 0\n"
    "    except BlockingIOError: return False\n";

// Waits for a fact, for as long as a busy machine may need.
inline bool eventually(const std::function<bool()>& fact) {
  for (int i = 0; i < 3000; ++i) {
    if (fact()) return true;
    ::usleep(10000);
  }
  return false;
}

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "retraind-cage-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
    // Some tests change to another user.
    std::filesystem::permissions(path_, std::filesystem::perms::all);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a program and returns its path.
  std::string program(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = path_ / name;
    {
      std::ofstream out(file, std::ios::binary);
      out << text;
    }
    std::filesystem::permissions(file, std::filesystem::perms(0755));
    return file.string();
  }

 private:
  std::filesystem::path path_;
};

// Every process whose command line holds a text that nobody else's does.
inline std::vector<int> processes_with(const std::string& marker) {
  std::vector<int> out;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const int pid = std::stoi(name);
    if (pid != ::getpid() && text_of(entry.path() / "cmdline").find(marker) != std::string::npos) out.push_back(pid);
  }
  return out;
}

// A cage in a folder of its own, tried with and without what the kernel has to offer.
struct Means {
  const char* name;
  bool namespaces;
  bool cgroups;
};

class Zoo : public testing::TestWithParam<Means> {
 protected:
  CageSpec spec(std::vector<std::string> argv) const {
    CageSpec out;
    out.argv = std::move(argv);
    out.folder = folder_.path();
    out.environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};
    out.timeout = std::chrono::seconds(120);
    out.grace = std::chrono::milliseconds(300);
    out.namespaces = GetParam().namespaces;
    out.cgroups = GetParam().cgroups;
    return out;
  }
  CageSpec shell(const std::string& script, const std::vector<std::string>& words = {}) const {
    std::vector<std::string> argv{"/bin/sh", "-c", script, marker_};
    argv.insert(argv.end(), words.begin(), words.end());
    return spec(std::move(argv));
  }
  // The marker is the last word of its command line.
  CageSpec python(const std::string& script) const { return spec({"/usr/bin/python3", "-c", script, marker_}); }

  // Nothing that was started is there any more, and nothing waits to be reaped.
  void expect_nothing_left() const {
    EXPECT_EQ(processes_with(marker_), std::vector<int>());
    EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "a child is left";
  }

  const std::string& marker() const { return marker_; }
  const Folder& folder() const { return folder_; }

 private:
  Folder folder_;
  std::string marker_ = "marker-" + folder_.path().filename().string();
};

inline const Means kAllMeans[] = {
    {"everything", true, true}, {"namespace", true, false}, {"cgroup", false, true}, {"neither", false, false}};

inline std::string name_of(const testing::TestParamInfo<Means>& info) {
  return info.param.name;
}

}  // namespace retraind::cage
