#pragma once
// What people ask at the command line, read from the views: as rows of text for tables, and as JSON made by the
// database. Works inside the caller's transaction.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace retraind::store {
class Transaction;
}

namespace retraind::runs {

struct Page {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::string json;  // an array of objects with every column of the view
};

// `model` empty: all models.
Page read_status(store::Transaction& transaction, const std::optional<std::string>& model);
Page read_promotions(store::Transaction& transaction, const std::optional<std::string>& model, std::size_t limit);
Page read_runs(store::Transaction& transaction, const std::optional<std::string>& model, std::size_t limit);
Page read_triggers(store::Transaction& transaction, const std::optional<std::string>& model, std::size_t limit);
Page read_trials(store::Transaction& transaction, const std::optional<std::string>& model, std::size_t limit);
Page read_scorings(store::Transaction& transaction, const std::optional<std::string>& model);
Page read_releases(store::Transaction& transaction, const std::optional<std::string>& model, std::size_t limit);

// One drift check, the columns that drifted first: column, role, effect, interval, p, threshold, verdict, sentence. No
// rows when there is no such check, or it looked at no column.
Page read_drift_check(store::Transaction& transaction, std::int64_t check_id);

}  // namespace retraind::runs
