#pragma once
// Programs and folders for tests of the command trainer.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "core/settings/settings.h"

namespace retraind::train {

// A folder for one test, removed with all that is in it.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "retraind-train-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder for the test");
    path_ = name;
    std::filesystem::create_directory(path_ / "work");
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path work() const { return path_ / "work"; }  // for TrainingJob::folder

  // An executable shell script; returns its path.
  std::string script(const std::string& name, const std::string& body) const {
    const std::filesystem::path file = path_ / name;
    {
      std::ofstream out(file);
      out << "#!/bin/sh\n" << body << "\n";
    }
    std::filesystem::permissions(file, std::filesystem::perms::owner_all);
    return file.string();
  }

  bool nothing_is_left() const { return std::filesystem::is_empty(work()); }

 private:
  std::filesystem::path path_;
};

inline std::filesystem::path examples() {
  return std::filesystem::path(RETRAIND_SOURCE_DIR) / "docs" / "examples";
}

inline settings::Command python_example() {
  settings::Command out;
  out.train = {(examples() / "trainer_python" / "train.py").string()};
  out.predict = {(examples() / "trainer_python" / "predict.py").string()};
  return out;
}

}  // namespace retraind::train
