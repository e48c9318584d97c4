#pragma once
// How much disk a folder takes that somebody else is writing into. Any thread.

#include <cstdint>

namespace retraind::cage {

// Blocks of all files and folders below the open folder `fd`, each file once however many names it has, at least 512
// bytes for each name. Links are not followed, and no other file system is entered. What vanishes or cannot be read
// while it is being counted is left out; folders nested more than 100 deep are counted as endless, since nobody may
// hide files there.
std::uint64_t folder_size(int fd);

}  // namespace retraind::cage
