#include "core/pipeline/durable_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/base/failpoint.h"

namespace retraind::pipeline {
namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
  throw std::system_error(errno, std::generic_category(), fmt::format("{} {}", what, path.string()));
}

}  // namespace

void write_durable_file(const std::filesystem::path& path, std::string_view bytes) {
  const std::filesystem::path beside = path.string() + ".part";
  const std::string name = path.filename();
  const std::filesystem::path around = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  // Opened first: what cannot be synced is not replaced either.
  const Descriptor folder(::open(around.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0) fail("cannot open", around);
  try {
    const Descriptor file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (file.get() < 0) fail("cannot create", beside);
    for (std::size_t written = 0; written < bytes.size();) {
      const ssize_t got = ::write(file.get(), bytes.data() + written, bytes.size() - written);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail("cannot write", beside);
      written += static_cast<std::size_t>(got);
    }
    failpoint("before_fsync", name);
    if (::fsync(file.get()) != 0) fail("cannot sync", beside);
    failpoint("before_rename", name);
    if (::rename(beside.c_str(), path.c_str()) != 0) fail("cannot rename", beside);
    failpoint("after_rename", name);
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
  if (::fsync(folder.get()) != 0) fail("cannot sync", around);
}

std::string read_whole_file(const std::filesystem::path& path, std::uint64_t most_bytes) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.get() < 0) {
    if (errno == ENOENT) throw DataError(fmt::format("{} is missing", path.filename().string()));
    if (errno == ELOOP) throw DataError(fmt::format("{} is a link, not a file", path.filename().string()));
    fail("cannot open", path);
  }
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) fail("cannot inspect", path);
  if (!S_ISREG(status.st_mode)) throw DataError(fmt::format("{} is not a regular file", path.filename().string()));
  if (static_cast<std::uint64_t>(status.st_size) > most_bytes) {
    throw DataError(fmt::format("{} has {} bytes, more than {}", path.filename().string(), status.st_size, most_bytes));
  }
  std::string out(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < out.size()) {
    const ssize_t got = ::read(file.get(), out.data() + filled, out.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("cannot read", path);
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  out.resize(filled);
  return out;
}

}  // namespace retraind::pipeline
