#pragma once
// What a user's program left behind, read as far as it is what it should be: plain files of a bounded size. Every step
// is taken by descriptor and follows no link, and nothing may be running any more that could change what is read. In a
// worker only. One thread.
//
// `who` begins each message: "the command /opt/x/train.py".

#include <array>
#include <cstdint>
#include <filesystem>
#include <istream>
#include <map>
#include <streambuf>
#include <string>

#include "core/base/descriptor.h"

namespace retraind::train {

// An artifact takes no more than this, packed.
inline constexpr std::uint64_t kMostModelBytes = std::uint64_t{1} << 30;
inline constexpr std::size_t kMostModelEntries = 10000;  // files and folders

// The files below the folder model/ of `folder`, by their names below it; folders without a file are left out. Hard
// links are read like any file: a program can copy whatever it can link. Throws DataError, naming the file, when model/
// is not there, is empty or is no folder; for a link, a device, a pipe or a socket; for a name that an artifact cannot
// hold, that is not UTF-8 or has a control character; for what cannot be read; and beyond the bounds above.
std::map<std::string, std::string> read_model_folder(const std::filesystem::path& folder, const std::string& who);

// One plain file directly below a folder, as a stream.
class LeftFile {
 public:
  // Throws DataError when the file is not there, is something else, has more than `most_bytes` or cannot be read.
  LeftFile(const std::filesystem::path& folder, const std::string& name, std::uint64_t most_bytes,
           const std::string& who);
  std::istream& stream() { return stream_; }  // what cannot be read throws std::system_error

 private:
  class Buffer : public std::streambuf {
   public:
    explicit Buffer(int file) : file_(file) {}

   protected:
    int_type underflow() override;

   private:
    int file_;
    std::array<char, 65536> block_{};
  };

  Descriptor file_;
  Buffer buffer_;
  std::istream stream_;
};

}  // namespace retraind::train
