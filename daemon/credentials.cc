#include "daemon/credentials.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/error.h"

namespace retraind::daemon {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

[[noreturn]] void fail(const fs::path& file, const char* what) {
  throw ConfigError(
      fmt::format("the credential {} {}: {}", file.string(), what, std::generic_category().message(errno)),
      "see LoadCredential= of the unit");
}

std::string contents_of(int fd, const fs::path& file) {
  std::string out(kMostBytes + 1, '\0');
  std::size_t size = 0;
  while (size < out.size()) {
    const ssize_t got = ::read(fd, out.data() + size, out.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(file, "cannot be read");
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMostBytes) {
    throw ConfigError(fmt::format("the credential {} has more than {} bytes", file.string(), kMostBytes));
  }
  out.resize(size);
  return out;
}

// Put into place as a whole: a daemon of the same unit that still runs may be reading the one before.
fs::path copy_to(const fs::path& folder, const std::string& text, const fs::path& original) {
  std::string temporary = (folder / "pgpass.XXXXXX").string();
  const Descriptor fd(::mkostemp(temporary.data(), O_CLOEXEC));  // 0600
  if (fd.get() < 0) fail(original, "cannot be copied to the runtime directory");
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t got = ::write(fd.get(), text.data() + written, text.size() - written);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      ::unlink(temporary.c_str());
      fail(original, "cannot be copied to the runtime directory");
    }
    written += static_cast<std::size_t>(got);
  }
  const fs::path place = folder / kPasswordCredential;
  if (::rename(temporary.c_str(), place.c_str()) != 0) {
    ::unlink(temporary.c_str());
    fail(original, "cannot be copied to the runtime directory");
  }
  return place;
}

std::optional<fs::path> path_in(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value == '\0') return std::nullopt;
  const std::string text = value;
  return fs::path(text.substr(0, text.find(':')));  // systemd lists several, the first is ours
}

}  // namespace

std::optional<fs::path> find_password_file(const CredentialPlaces& places) {
  if (!places.credentials || places.has_passfile) return std::nullopt;
  const fs::path file = *places.credentials / kPasswordCredential;
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  if (fd.get() < 0) fail(file, "cannot be read");
  struct stat about {};
  if (::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode)) {
    throw ConfigError(fmt::format("the credential {} is no regular file", file.string()));
  }
  // passwordFromFile in libpq's fe-connect.c.
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) == 0) return file;
  if (!places.runtime) {
    throw ConfigError(
        fmt::format("the credential {} has mode {:04o}, and libpq reads no password file that others may read",
                    file.string(), about.st_mode & 07777U),
        "give the unit a RuntimeDirectory=, to which it is copied");
  }
  return copy_to(*places.runtime, contents_of(fd.get(), file), file);
}

void adopt_credentials() {
  const char* passfile = std::getenv("PGPASSFILE");
  const CredentialPlaces places{.credentials = path_in("CREDENTIALS_DIRECTORY"),
                                .runtime = path_in("RUNTIME_DIRECTORY"),
                                .has_passfile = passfile != nullptr && *passfile != '\0'};
  if (const auto file = find_password_file(places)) ::setenv("PGPASSFILE", file->c_str(), 1);
}

}  // namespace retraind::daemon
