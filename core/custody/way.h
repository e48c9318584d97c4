#pragma once
// The way to a file, from the root of the file system on: every folder and every symbolic link that is passed, with its
// owner and its permissions. Whoever may write one of them decides what the path means, whatever the file itself
// allows. Two halves: walk() gathers the facts, find_stranger() decides on them and touches nothing. Refuses nothing
// itself. Thread-safe.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace retraind::custody {

enum class Kind { folder, link, file, other };

struct Station {
  std::filesystem::path path;  // as it was reached; no link in it but perhaps the last part
  Kind kind = Kind::other;
  std::uint32_t owner = 0;  // a user id
  std::uint32_t mode = 0;   // the permissions and the sticky bit: 07777
};

struct Way {
  std::vector<Station> stations;  // "/" first
  std::string problem;            // why it ends early: "/opt/x: No such file or directory"; empty: it does not

  // The file or folder it leads to; nullptr where it ends early.
  const Station* goal() const { return problem.empty() && !stations.empty() ? &stations.back() : nullptr; }
};

// `path` is absolute, or relative to the working directory. Links are followed, at most 40 of them. Never throws for
// what the file system answers.
Way walk(const std::filesystem::path& path);

// The first station that somebody but `trusted` (user ids) could change, in words: "/opt/x belongs to user 1000", "/opt
// may be written by others (its mode is 0777)". The bits of the group count as others'; where an access list grants
// somebody the right to write, the bits of the group show it. A folder with the sticky bit lets nobody remove what
// belongs to others, so it passes when what stands in it does. std::nullopt: nobody could. A way that ends early is
// judged as far as it goes, and its last folder by who could make what is missing.
std::optional<std::string> find_stranger(const Way& way, std::span<const std::uint32_t> trusted);

// Whether others than its owner may read what `mode` belongs to. A group of readers counts as others.
bool is_open_to_others(std::uint32_t mode);

}  // namespace retraind::custody
