#pragma once
// What people ask at the command line, read from the views: as rows of text for tables, and as JSON made by the
// database. Works inside the caller's transaction.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

// How the texts of a column are to be read.
enum class ColumnKind {
  text,
  number,
  time,      // an instant, as parse_instant reads it
  interval,  // as PostgreSQL spells one: "1 day 02:03:04.5"
};

struct Page {
  std::vector<std::string> columns;
  std::vector<ColumnKind> kinds;  // of each column; empty: all are texts
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string json;  // an array of objects with every column of the view; instants in UTC
};

// Which rows of a list, newest first.
struct Wanted {
  std::optional<std::string> model;  // of this one alone
  std::optional<TimePoint> since;    // from here on, inclusive …
  std::optional<TimePoint> until;    // … up to here, exclusive
  std::size_t limit = 20;
};

// What of a page is asked for: with thousands of models each takes its time. What is not asked for is empty.
enum class PageForm { both, table, json };

// `model` empty: all models. From the call on, the transaction spells instants in UTC.
Page read_status(store::Transaction& transaction, const std::optional<std::string>& model,
                 PageForm form = PageForm::both);
Page read_promotions(store::Transaction& transaction, const Wanted& wanted);  // by when they were made
Page read_runs(store::Transaction& transaction, const Wanted& wanted);        // by when they were queued
Page read_triggers(store::Transaction& transaction, const Wanted& wanted);    // by when they were made
Page read_trials(store::Transaction& transaction, const Wanted& wanted);      // by when they began
Page read_scorings(store::Transaction& transaction, const Wanted& wanted);    // by the last scores; in order of models
Page read_releases(store::Transaction& transaction, const Wanted& wanted);    // by when they were made

// One drift check, the columns that drifted first: column, role, effect, interval, p, threshold, verdict, sentence. No
// rows when there is no such check, or it looked at no column.
Page read_drift_check(store::Transaction& transaction, std::int64_t check_id);

}  // namespace retraind::runs
