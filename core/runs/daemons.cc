#include "core/runs/daemons.h"

#include <sys/random.h>

#include <array>
#include <system_error>

#include "core/store/sql.h"

namespace retraind::runs {
namespace {

using store::execute;

constexpr const char* kRegister = R"sql(/* retraind:runs.register_daemon */
INSERT INTO retraind.daemon (daemon_id, instance, version, pid, started_at, last_seen_at) VALUES ($1, $2, $3, $4, $5, $5))sql";

constexpr const char* kNoteConfiguration = R"sql(/* retraind:runs.note_configuration */
UPDATE retraind.daemon SET configuration_sha256 = $2 WHERE daemon_id = $1)sql";

constexpr const char* kRenew = R"sql(/* retraind:runs.renew_daemon */
UPDATE retraind.daemon SET last_seen_at = $2 WHERE daemon_id = $1)sql";

constexpr const char* kSignOff = R"sql(/* retraind:runs.sign_off_daemon */
UPDATE retraind.daemon SET last_seen_at = $2, stopped_at = $2 WHERE daemon_id = $1)sql";

constexpr const char* kActAs = R"sql(/* retraind:runs.act_as */
SELECT set_config('retraind.actor', $1, true), set_config('retraind.now', $2, true))sql";

constexpr const char* kNow = R"sql(/* retraind:runs.registry_now */ SELECT clock_timestamp())sql";

}  // namespace

TimePoint registry_now(store::Transaction& transaction) {
  return store::read<TimePoint>(execute(transaction, kNow).at(0).at(0));
}

void register_daemon(store::Transaction& transaction, const Executor& executor, const std::string& version, int pid,
                     TimePoint now) {
  execute(transaction, kRegister, executor.daemon_id, executor.instance, version, pid, now);
}

void note_configuration(store::Transaction& transaction, const Executor& executor, const std::string& sha256) {
  execute(transaction, kNoteConfiguration, executor.daemon_id, sha256);
}

void renew_daemon(store::Transaction& transaction, const Executor& executor, TimePoint now) {
  execute(transaction, kRenew, executor.daemon_id, now);
}

void sign_off_daemon(store::Transaction& transaction, const Executor& executor, TimePoint now) {
  execute(transaction, kSignOff, executor.daemon_id, now);
}

std::string new_daemon_id() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0F) | 0x40);  // version 4
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3F) | 0x80);  // variant of RFC 4122
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += fmt::format("{:02x}", bytes[i]);
  }
  return out;
}

void act_as(store::Transaction& transaction, const Executor& executor, TimePoint now) {
  execute(transaction, kActAs, executor.instance, now);
}

}  // namespace retraind::runs
