#pragma once
// One connection to a source for writing, with libpq's errors turned into ours. For scores only (score_table.h):
// everything else reads, through Session. After a throw the object may only be destroyed. One thread.

#include <libpq-fe.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/settings/settings.h"
#include "core/source/session.h"

namespace retraind::source {

class WriteSession {
 public:
  // Connects to a server that takes writes. Throws UnreachableError.
  WriteSession(const settings::Source& source, const std::string& application_name);

  // Runs `body` in a READ COMMITTED transaction, with times in UTC, and commits. Throws InDoubtError when the reply to
  // COMMIT was lost.
  void transact(const std::function<void()>& body);

  // A statement of ours with text parameters, inside transact(); results come as text. Throws TransientError when the
  // server goes away or asks for patience, DataError for all that it refuses.
  Result run(const std::string& sql, const std::vector<std::optional<std::string>>& parameters = {});

  const std::string& name() const { return name_; }  // "source "market" (host=db dbname=market)"

 private:
  [[noreturn]] void fail(const PGresult* result, bool committing);

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_{nullptr, &PQfinish};
  std::string name_;
  std::string timeout_key_;
  Duration timeout_;
};

}  // namespace retraind::source
