#include "core/custody/way.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <system_error>

namespace retraind::custody {
namespace {

constexpr int kMostLinks = 40;  // as many as the kernel follows
constexpr std::uint32_t kOthersWrite = S_IWGRP | S_IWOTH;

Kind kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return Kind::folder;
  if (S_ISLNK(mode)) return Kind::link;
  return S_ISREG(mode) ? Kind::file : Kind::other;
}

std::string at(const std::filesystem::path& path, int error) {
  return fmt::format("{}: {}", path.string(), std::generic_category().message(error));
}

// What is still to be passed, part by part, behind `before`.
void prepend(std::deque<std::string>& ahead, const std::filesystem::path& path) {
  std::vector<std::string> parts;
  for (const auto& part : path.relative_path()) parts.push_back(part.string());
  ahead.insert(ahead.begin(), parts.begin(), parts.end());
}

}  // namespace

Way walk(const std::filesystem::path& path) {
  Way way;
  std::error_code failed;
  const std::filesystem::path whole = std::filesystem::absolute(path, failed);
  if (failed || path.empty()) {
    way.problem = at(path, failed ? failed.value() : ENOENT);
    return way;
  }
  std::filesystem::path here = "/";
  std::deque<std::string> ahead;
  prepend(ahead, whole);
  int links = 0;
  const auto pass = [&](const std::filesystem::path& station) {
    struct stat about {};
    if (::lstat(station.c_str(), &about) != 0) {
      way.problem = at(station, errno);
      return false;
    }
    way.stations.push_back({station, kind_of(about.st_mode), about.st_uid, about.st_mode & 07777U});
    return true;
  };
  if (!pass(here)) return way;
  while (!ahead.empty()) {
    const std::string part = ahead.front();
    ahead.pop_front();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      here = here.parent_path();  // no link in it, so this is where ".." leads
      continue;
    }
    if (!pass(here / part)) return way;
    const Station& station = way.stations.back();
    if (station.kind == Kind::link) {
      const std::filesystem::path target = std::filesystem::read_symlink(station.path, failed);
      if (failed || ++links > kMostLinks) {
        way.problem = at(station.path, failed ? failed.value() : ELOOP);
        return way;
      }
      prepend(ahead, target);
      if (target.is_absolute()) here = "/";
      continue;
    }
    here /= part;
    if (station.kind != Kind::folder && !ahead.empty()) {
      way.problem = at(here, ENOTDIR);
      return way;
    }
  }
  // A last "..", or a link to one, ends at a folder that was passed before.
  if (way.stations.back().path != here) pass(here);
  return way;
}

std::optional<std::string> find_stranger(const Way& way, std::span<const std::uint32_t> trusted) {
  for (const Station& station : way.stations) {
    if (std::find(trusted.begin(), trusted.end(), station.owner) == trusted.end()) {
      return fmt::format("{} belongs to user {}", station.path.string(), station.owner);
    }
    if (station.kind == Kind::link || (station.mode & kOthersWrite) == 0) continue;
    const bool is_last = &station == &way.stations.back();
    if (station.kind == Kind::folder && (station.mode & S_ISVTX) != 0 && !is_last) continue;
    return fmt::format("{} may be written by others (its mode is {:04o})", station.path.string(), station.mode);
  }
  return std::nullopt;
}

bool is_open_to_others(std::uint32_t mode) {
  return (mode & (S_IRWXG | S_IRWXO)) != 0;
}

}  // namespace retraind::custody
