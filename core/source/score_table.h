#pragma once
// The user's own table that scores of new rows are written to, and the SQL around it: whether it is there and fits,
// which rows have no score yet, and the insertion. Never creates or alters a table; says which statement would. One row
// of it is one row of the model's query, scored by one version:
//
//   model text            name of the model
//   <the key columns>     as the query returns them; together they identify a row
//   event_time            the row's, as the query returns it
//   version integer       of the model
//   scored_at timestamptz by the clock of the source
//   prediction float8     regression: the value; binary: the probability of the positive class
//   class text, probability float8      multiclass, instead of prediction: the most probable class
//   UNIQUE (model, <the key columns>, version)
//
// The unique key is what makes scoring exact: rows are inserted with ON CONFLICT DO NOTHING, and none whose key has a
// score of the model already, whatever version it is of. So a crash, a lost reply to COMMIT, or a second daemon never
// doubles a row. Owned by one look, in one thread.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "core/base/vocabulary.h"
#include "core/data/schema.h"
#include "core/settings/settings.h"
#include "core/source/write_session.h"

namespace retraind::source {

// Rows that wait for their scores: after < event time <= until, the oldest first.
struct UnscoredRows {
  std::vector<std::string> features;
  EventTime after = 0;
  std::uint64_t limit = 0;
};

// Scores of rows, in columns of equal length. Keys and event times are spelled as the query of ScoreTable::unscored
// returned them.
struct ScoreRows {
  std::vector<std::vector<std::string>> keys;  // a list for each column of the key
  std::vector<std::string> event_times;
  std::vector<double> predictions;   // finite
  std::vector<std::string> classes;  // multiclass only

  std::size_t size() const { return event_times.size(); }
};

class ScoreTable {
 public:
  // `source` is the one whose login writes, `columns` what the query returns (with the types that PostgreSQL gives
  // them), `query` that query. Connects. Throws DataError when the query lacks a column of the key or the time column,
  // when a column of the key has the name of a column of ours, and for names that PostgreSQL cannot hold.
  ScoreTable(const settings::Source& source, const std::string& application_name, const settings::Model& model,
             Task task, std::string query, std::vector<data::SourceColumn> columns);

  // Throws DataError, saying all that is wrong and the CREATE TABLE (or GRANT) to run, when the table is not there,
  // cannot be written to, lacks a column, holds one of a type that would not keep a key apart from others, demands
  // another one, or has no such unique key.
  void require_fit();

  // A query of the rows without a score: the time column, a label that is NULL (float8), the features, each column of
  // the key as text, and the event time as text, in this order. After require_fit().
  std::string unscored(const UnscoredRows& rows) const;

  // Writes the scores in one transaction; returns how many rows had none yet. After require_fit().
  std::uint64_t write(int version, const ScoreRows& rows);

  // The statement that makes a table that fits.
  std::string create_statement() const;

 private:
  struct Column {
    std::string name;        // as it is
    std::string quoted;      // as SQL takes it
    std::string query_type;  // what is written into it
    std::string type;        // what the table holds; known after require_fit()
  };

  void quote_names();
  std::vector<std::string> column_faults(const std::string& oid);
  const data::SourceColumn& column_of_query(const std::string& name, const char* what) const;

  WriteSession session_;
  std::string model_;
  Task task_;
  std::string query_;
  std::vector<data::SourceColumn> columns_;
  data::SourceColumn time_;
  std::string into_;                           // as configured
  std::vector<std::string> table_parts_;       // schema and name, or the name alone
  std::map<std::string, std::string> quoted_;  // every name that enters SQL
  std::string table_;                          // quoted
  std::vector<Column> key_;
  std::vector<Column> values_;  // event_time, then prediction, or probability and class
};

}  // namespace retraind::source
