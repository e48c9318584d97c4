// Part of the build: writes the manual pages and the completion of bash into a folder. Not installed.
//
// usage: retraind_manual CONFIGURATION VERSION DATE FOLDER

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "daemon/command_line.h"
#include "daemon/manual.h"

namespace {

void write(const std::filesystem::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  if (!(out << text).flush()) throw std::runtime_error("cannot write " + file.string());
}

std::string read(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw std::runtime_error("cannot read " + file.string());
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  namespace daemon = retraind::daemon;
  if (argc != 5) {
    std::fputs("usage: retraind_manual CONFIGURATION VERSION DATE FOLDER\n", stderr);
    return daemon::kWrongUsage;
  }
  try {
    const daemon::ManualEdition edition{.version = argv[2], .date = argv[3]};
    const std::filesystem::path folder = argv[4];
    std::filesystem::create_directories(folder);
    const daemon::CommandLine line;
    write(folder / "retraind.1", daemon::command_page(line.tree(), edition));
    write(folder / "retraind.toml.5", daemon::settings_page(read(argv[1]), edition));
    write(folder / "retraind.bash", daemon::bash_completion(line.tree()));
    return daemon::kDone;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "retraind_manual: %s\n", error.what());
    return daemon::kFailed;
  }
}
