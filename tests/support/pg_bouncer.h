#pragma once
// Debian's own PgBouncer as a child process, pooling transactions in front of the cluster that the tests of this
// process share: whoever connects through it may find another session behind each transaction, and hears no
// notification. Killed when its object goes. One thread.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace retraind::testing {

class PgBouncer {
 public:
  // False: it is not installed, and a test has to skip.
  static bool available();
  // The one of this process; started when first asked for.
  static PgBouncer& shared();

  // Starts it and waits until it serves. Throws std::runtime_error with its log when it does not come up.
  PgBouncer();
  ~PgBouncer();
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  std::string conninfo(std::string_view database) const;

 private:
  std::filesystem::path folder_;
  pid_t child_ = -1;
};

}  // namespace retraind::testing
