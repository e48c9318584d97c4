// `retraind status`: one line a model, all about one, or either shown again and again.

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cstdio>

#include "core/base/error.h"
#include "core/base/time.h"
#include "core/runs/daemons.h"
#include "core/runs/history.h"
#include "daemon/commands.h"
#include "daemon/display_text.h"
#include "daemon/registry_session.h"
#include "daemon/table.h"
#include "daemon/terminal.h"

namespace retraind::daemon {
namespace {

constexpr std::size_t kRecent = 5;  // of each list about one model

// All about one model, as of one instant.
struct Portrait {
  runs::Page status;
  runs::Page promotions;
  runs::Page runs;
  runs::Page trials;
  runs::Page decisions;
};

void require_model(const runs::Page& status, const std::string& model) {
  if (!status.rows.empty() || (!status.json.empty() && status.json != "[]")) return;
  throw Error(fmt::format("there is no model \"{}\"", model), "`retraind status` lists them");
}

std::string portrait_json(const Portrait& portrait) {
  const boost::json::object out{{"status", boost::json::parse(portrait.status.json).as_array().at(0)},
                                {"history", boost::json::parse(portrait.promotions.json)},
                                {"runs", boost::json::parse(portrait.runs.json)},
                                {"trials", boost::json::parse(portrait.trials.json)},
                                {"triggers", boost::json::parse(portrait.decisions.json)}};
  return boost::json::serialize(out) + "\n";
}

std::string section(std::string_view title, const std::string& body, const TableStyle& style) {
  const std::string head = style.colour ? fmt::format("{}{}{}", kBold, title, kPlain) : std::string(title);
  return fmt::format("\n{}\n{}", head, body);
}

// The line of the list, and why somebody paused the model, for which a list has no room.
std::string status_text(const Portrait& portrait, const TableStyle& style) {
  runs::Page page = portrait.status;
  const boost::json::value whole = boost::json::parse(page.json);
  const auto& view = whole.as_array().at(0).as_object();
  if (const auto* reason = view.if_contains("pause_reason"); reason != nullptr && reason->is_string()) {
    page.columns.emplace_back("paused_for");
    page.kinds.push_back(runs::ColumnKind::text);
    page.rows.at(0).emplace_back(reason->as_string().c_str());
  }
  return render_record(page, 0, style);
}

std::string portrait_text(const Portrait& portrait, const TableStyle& style) {
  std::string out = status_text(portrait, style);
  out += section("promotions and rollbacks", render_table(portrait.promotions, style), style);
  out += section("runs", render_table(portrait.runs, style), style);
  if (!portrait.trials.rows.empty()) out += section("trials", render_table(portrait.trials, style), style);
  out += section("decisions of triggers", render_table(portrait.decisions, style), style);
  return out;
}

// What status prints, read at one instant.
std::string read_text(store::Database& database, const Options& options, const TableStyle& style, TimePoint& now) {
  if (options.model.empty()) {
    runs::Page page;
    database.transact("status", [&](store::Transaction& transaction) {
      page =
          runs::read_status(transaction, options.filter, options.json ? runs::PageForm::json : runs::PageForm::table);
      now = runs::registry_now(transaction);
    });
    if (options.filter) require_model(page, *options.filter);
    return options.json ? page.json + "\n" : render_table(page, style);
  }
  Portrait portrait;
  database.transact("status of a model", [&](store::Transaction& transaction) {
    const runs::Wanted wanted{.model = options.model, .since = {}, .until = {}, .limit = kRecent};
    portrait.status = runs::read_status(transaction, options.model);
    portrait.promotions = runs::read_promotions(transaction, wanted);
    portrait.runs = runs::read_runs(transaction, wanted);
    portrait.trials = runs::read_trials(transaction, wanted);
    portrait.decisions = runs::read_triggers(transaction, wanted);
    now = runs::registry_now(transaction);
  });
  require_model(portrait.status, options.model);
  return options.json ? portrait_json(portrait) : portrait_text(portrait, style);
}

// Signals that end or hurry the watch are waited for instead of interrupting it, so that the terminal is never left
// half painted.
class Patience {
 public:
  Patience() {
    ::sigemptyset(&signals_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGWINCH}) ::sigaddset(&signals_, number);
    ::sigprocmask(SIG_BLOCK, &signals_, &before_);
  }
  ~Patience() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

  // False when it is time to go.
  bool wait(double seconds) const {
    timespec span{};
    span.tv_sec = static_cast<time_t>(seconds);
    span.tv_nsec = static_cast<long>((seconds - static_cast<double>(span.tv_sec)) * 1e9);
    const int number = ::sigtimedwait(&signals_, nullptr, &span);
    return number < 0 || number == SIGWINCH;
  }

 private:
  sigset_t signals_{};
  sigset_t before_{};
};

// Over what was painted before, line by line, and nothing below it; as many lines as the terminal has.
void paint(const std::string& text, std::size_t height) {
  std::string out = "\033[H";
  std::size_t lines = 0;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    if (height > 0 && ++lines >= height) break;
    out += text.substr(begin, end - begin) + "\033[K\n";
    begin = end + 1;
  }
  out += "\033[J";
  std::fputs(out.c_str(), stdout);
  std::fflush(stdout);
}

// The terminal, without a cursor, until the object goes.
class Screen {
 public:
  Screen() { std::fputs("\033[?25l\033[2J", stdout); }
  ~Screen() {
    std::fputs("\033[?25h", stdout);
    std::fflush(stdout);
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
};

int watch(store::Database& database, const Options& options) {
  const Patience patience;
  const Screen screen;
  TimePoint now{};
  std::string text;
  std::string trouble;
  do {
    const TableStyle style = table_style(options);
    trouble.clear();
    try {
      text = read_text(database, options, style, now);
    } catch (const TransientError& error) {
      // What was seen last stays, and says how old it is.
      trouble = "; cannot be read now: " + printable_text(error.what());
    }
    const std::string instant = localised(format_instant(now), options.utc);
    const std::string head = fmt::format("{}, every {} s, Ctrl-C ends{}", instant, *options.watch, trouble);
    paint(cut_to_width(head, style.width == 0 ? head.size() : style.width) + "\n\n" + text,
          terminal_of(STDOUT_FILENO, options.colour).height);
  } while (patience.wait(*options.watch));
  return kDone;
}

}  // namespace

int status_command(const Options& options) {
  if (options.watch && (options.json || !terminal_of(STDOUT_FILENO, options.colour).is_terminal)) {
    std::fputs(
        "retraind: --watch draws on a terminal, and standard output is none, or JSON was asked for\n"
        "hint: call `retraind status` again and again instead\n",
        stderr);
    return kWrongUsage;
  }
  RegistrySession registry(options);
  TimePoint now{};
  // Said before the screen is cleared when there is no such model.
  const std::string text = read_text(registry.database(), options, table_style(options), now);
  if (options.watch) return watch(registry.database(), options);
  std::fputs(text.c_str(), stdout);
  return kDone;
}

}  // namespace retraind::daemon
