#include "daemon/release_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <system_error>

#include "core/base/descriptor.h"
#include "core/base/error.h"
#include "core/custody/command.h"
#include "core/release/printable.h"
#include "daemon/configuration_files.h"
#include "daemon/wakeup.h"

namespace retraind::daemon {
namespace {

namespace asio = boost::asio;

constexpr const char* kPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr std::size_t kKeptBytes = 4096;
constexpr auto kGrace = std::chrono::seconds(5);

// What a child reads: written in full before it starts, so that one which reads nothing holds nobody up, and opened
// once more so that it cannot be written.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& text)
      : memory_(::memfd_create("retraind-release", MFD_CLOEXEC), "memfd_create") {
    for (std::size_t written = 0; written < text.size();) {
      const ssize_t got = ::write(memory_.get(), text.data() + written, text.size() - written);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw std::system_error(errno, std::generic_category(), "memfd write");
      written += static_cast<std::size_t>(got);
    }
  }
  int open() const { return ::open(fmt::format("/proc/self/fd/{}", memory_.get()).c_str(), O_RDONLY | O_CLOEXEC); }

 private:
  Descriptor memory_;
};

// Each word with a NUL behind it, as /proc/PID/cmdline has them.
std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += word + '\0';
  return out;
}

// The last look at what is about to be run. What passes it is root's alone, and so stays what it is until it runs.
void require_custody(const std::vector<std::string>& argv) {
  if (const auto fault = custody::find_command_fault(argv)) {
    throw DataError(fmt::format("the command {} is not run, since others than root could change what it does: {}",
                                argv.at(0), *fault),
                    custody::kCommandAdvice);
  }
}

// Said before it is tried: what a program that could not be started leaves behind is only an exit code.
void require_program(const std::string& path) {
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0) {
    throw DataError(fmt::format("the command {} cannot be started: {}", path, std::generic_category().message(errno)),
                    "correct release.on_promote, or install it on this machine");
  }
  if (!S_ISREG(about.st_mode) || ::access(path.c_str(), X_OK) != 0) {
    throw DataError(fmt::format("the command {} cannot be started: it is no program that this user may run", path),
                    "chmod a+x, or correct release.on_promote");
  }
}

}  // namespace

std::vector<std::string> environment_of(const release::Announcement& announcement) {
  const auto or_empty = [](const auto& value, auto as_number) {
    return value ? fmt::format("{}", as_number(*value)) : "";
  };
  return {
      fmt::format("PATH={}", kPath),
      "RETRAIND_MODEL=" + announcement.model,
      fmt::format("RETRAIND_VERSION={}", announcement.version),
      "RETRAIND_PREVIOUS_VERSION=" + or_empty(announcement.previous_version, [](int version) { return version; }),
      fmt::format("RETRAIND_KIND={}", to_text(announcement.kind)),
      "RETRAIND_RUN_ID=" + or_empty(announcement.run, [](RunId run) { return number(run); }),
      fmt::format("RETRAIND_PROMOTION_ID={}", number(announcement.promotion)),
      fmt::format("RETRAIND_RELEASE_ID={}", number(announcement.id)),
  };
}

// What the command writes: read as it comes, so that it never waits for a reader, and forgotten but for its end.
struct ReleaseCommand::Output {
  Output(asio::io_context& io, int fd) : pipe(io, fd), ended(io) {}

  void append(const char* bytes, std::size_t size) {
    last.append(bytes, size);
    if (last.size() <= kKeptBytes) return;
    last.erase(0, last.size() - kKeptBytes);
    cut_off = true;
  }

  asio::posix::stream_descriptor pipe;
  Wakeup ended;
  bool reading = true;
  bool cut_off = false;
  std::string last;
};

ReleaseCommand::ReleaseCommand(Context& context) : context_(context), kill_timer_(context.io) {}

ReleaseCommand::~ReleaseCommand() = default;

asio::awaitable<void> ReleaseCommand::read(std::shared_ptr<Output> output) {
  std::array<char, 65536> block{};
  while (true) {
    boost::system::error_code error;
    const std::size_t got =
        co_await output->pipe.async_read_some(asio::buffer(block), asio::redirect_error(asio::use_awaitable, error));
    output->append(block.data(), got);
    if (error) break;
  }
  output->reading = false;
  output->ended.ring();
}

asio::awaitable<void> ReleaseCommand::run(const std::vector<std::string>& argv,
                                          const release::Announcement& announcement) {
  require_program(argv.at(0));
  if (runs_root_owned_only(*context_.settings)) require_custody(argv);
  {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const Descriptor writing(ends[1], "pipe");
    output_ = std::make_shared<Output>(context_.io, ends[0]);
    const MemoryFile text(to_json(announcement) + "\n");
    const Descriptor input(text.open(), "cannot open the command's standard input");
    const MemoryFile words(joined(argv));
    const Descriptor words_input(words.open(), "cannot open the command's words");
    // Through this executable, which arms the kernel's parent-death signal and becomes the command.
    const ChildSpec spec{.argv = {context_.executable.string(), "announce", "--parent", std::to_string(::getpid())},
                         .folder = "/",
                         .output = writing.get(),
                         .inherited = {words_input.get()},
                         .input = input.get(),
                         .environment = environment_of(announcement)};
    child_ = std::make_unique<ChildProcess>(context_.io, spec);
  }
  asio::co_spawn(context_.io, read(output_), asio::detached);
  // Told to end before there was anything to end.
  if (ending_) child_->signal(killing_ ? SIGKILL : SIGTERM);
  exit_ = co_await child_->wait();
  kill_timer_.cancel();
  // What it left in the pipe is its last words; whoever else still holds the other end is not waited for.
  output_->pipe.cancel();
  while (output_->reading) co_await output_->ended.wait(std::chrono::seconds(1));
  std::array<char, 65536> block{};
  output_->pipe.non_blocking(true);
  for (int i = 0; i < 16; ++i) {
    const ssize_t got = ::read(output_->pipe.native_handle(), block.data(), block.size());
    if (got <= 0) break;
    output_->append(block.data(), static_cast<std::size_t>(got));
  }
  output_->pipe.close();
}

void ReleaseCommand::end(bool at_once) {
  if (at_once) {
    killing_ = true;
    if (child_) child_->signal(SIGKILL);
  }
  if (ending_) return;
  ending_ = true;
  if (child_) child_->signal(SIGTERM);
  kill_timer_.expires_after(kGrace);
  kill_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error && child_) child_->signal(SIGKILL);
  });
}

std::string ReleaseCommand::last_words() const {
  if (!output_) return {};
  const std::string words = release::printable(output_->last);
  return output_->cut_off ? "…" + words : words;
}

}  // namespace retraind::daemon
