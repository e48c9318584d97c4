#include "core/source/score_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

#include "core/base/error.h"
#include "core/base/text.h"
#include "core/source/query_text.h"

namespace retraind::source {
namespace {

constexpr const char* kQuote = R"sql(/* retraind:source.quote_names */
SELECT pg_catalog.quote_ident(n.name) FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY AS n (name, place)
 ORDER BY n.place)sql";

constexpr const char* kFindTable = R"sql(/* retraind:source.find_score_table */
SELECT c.oid, c.relkind IN ('r', 'p'),
       pg_catalog.has_table_privilege(c.oid, 'INSERT') OR pg_catalog.has_any_column_privilege(c.oid, 'INSERT'),
       pg_catalog.has_table_privilege(c.oid, 'SELECT') OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT'),
       pg_catalog.quote_ident(current_user)
  FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass($1)::pg_catalog.oid)sql";

// A domain counts as what it is made of; whether a column must be given a value by whoever inserts.
constexpr const char* kColumns = R"sql(/* retraind:source.score_table_columns */
SELECT a.attname,
       CASE WHEN t.typtype = 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
            ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END,
       a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
       a.attgenerated <> '' OR a.attidentity = 'a'
  FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
 WHERE a.attrelid = $1::pg_catalog.oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)sql";

constexpr const char* kHasKey = R"sql(/* retraind:source.score_table_key */
SELECT EXISTS (
  SELECT FROM pg_catalog.pg_index AS i
   WHERE i.indrelid = $1::pg_catalog.oid AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL
     AND i.indexprs IS NULL
     AND (SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY a.attname::pg_catalog.text COLLATE "C")
            FROM pg_catalog.unnest(i.indkey) WITH ORDINALITY AS k (attnum, place)
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
           WHERE k.place <= i.indnkeyatts)
       = (SELECT pg_catalog.array_agg(n.name ORDER BY n.name COLLATE "C") FROM pg_catalog.unnest($2::pg_catalog.text[]) AS n (name))))sql";

constexpr std::size_t kMaxName = 63;  // NAMEDATALEN - 1
constexpr std::array kOurs = {"model", "version", "scored_at", "event_time", "prediction", "class", "probability"};

// text[] in PostgreSQL's array syntax.
std::string array_of(const std::vector<std::string>& values) {
  std::string out = "{";
  for (const std::string& value : values) {
    out += out.size() > 1 ? ",\"" : "\"";
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

std::string array_of(const std::vector<double>& values) {
  std::string out = "{";
  for (const double value : values) out += (out.size() > 1 ? "," : "") + format_number(value);
  return out + "}";
}

// standard_conforming_strings is on in every transaction of ours.
std::string quote_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? "''" : std::string(1, c);
  return out + "'";
}

void require_name(const std::string& name, const char* what) {
  if (name.empty()) throw DataError(fmt::format("{} is empty", what));
  if (name.find('\0') != std::string::npos) throw DataError(fmt::format("{} \"{}\" holds a zero byte", what, name));
  if (name.size() > kMaxName) {
    throw DataError(
        fmt::format("{} \"{}\" has {} bytes; PostgreSQL keeps {} of a name", what, name, name.size(), kMaxName));
  }
}

// "table" or "schema.table", spelled as in SQL: in double quotes it is taken as it is, without them in lower case.
std::vector<std::string> split_table_name(const std::string& into) {
  std::vector<std::string> parts(1);
  bool quoted = false;
  bool was_quoted = false;  // a name ends with its closing quote
  bool sound = true;
  for (std::size_t i = 0; i < into.size(); ++i) {
    const char c = into[i];
    if (quoted && c == '"' && into.compare(i, 2, "\"\"") == 0) {
      parts.back() += into[i++];
    } else if (quoted) {
      if (c == '"') {
        quoted = false;
      } else {
        parts.back() += c;
      }
    } else if (c == '.') {
      parts.emplace_back();
      was_quoted = false;
    } else if (c == '"') {
      sound = sound && parts.back().empty() && !was_quoted;
      quoted = was_quoted = true;
    } else {
      sound = sound && !was_quoted;
      parts.back() += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (!sound || quoted || parts.size() > 2) {
    throw DataError(fmt::format("scoring.into = \"{}\" is no name of a table", into),
                    "write table or schema.table; a name with capitals or blanks in double quotes");
  }
  for (const std::string& part : parts) require_name(part, "a name in scoring.into");
  return parts;
}

// "timestamp(3) with time zone" without its "(3)".
std::string without_modifier(const std::string& type) {
  const std::size_t open = type.find('(');
  const std::size_t close = type.find(')', open);
  if (open == std::string::npos || close == std::string::npos) return type;
  return type.substr(0, open) + type.substr(close + 1);
}

// Whether every two values of `from` that differ still differ as `to`, which takes each of them.
bool keeps_apart(const std::string& from, const std::string& to) {
  const std::string plain = without_modifier(from);
  if (from == to || plain == to || to == "text") return true;
  const auto any_of = [](const std::string& type, std::initializer_list<const char*> types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  if (plain == "smallint") return any_of(to, {"integer", "bigint", "numeric", "real", "double precision"});
  if (plain == "integer") return any_of(to, {"bigint", "numeric", "double precision"});
  if (plain == "bigint") return to == "numeric";
  if (plain == "real") return to == "double precision";
  if (plain == "text" || plain == "name" || plain == "character") return to == "character varying";
  constexpr const char* kZoned = "timestamp with time zone";
  constexpr const char* kPlain = "timestamp without time zone";
  return any_of(plain, {"date", kZoned, kPlain}) && any_of(to, {kZoned, kPlain});
}

WireType time_type(const data::SourceColumn& column) {
  const std::string plain = without_modifier(column.sql_type);
  const std::map<std::string, WireType> known = {{"smallint", WireType::int2},
                                                 {"integer", WireType::int4},
                                                 {"bigint", WireType::int8},
                                                 {"real", WireType::float4},
                                                 {"double precision", WireType::float8},
                                                 {"numeric", WireType::numeric},
                                                 {"date", WireType::date},
                                                 {"timestamp without time zone", WireType::timestamp},
                                                 {"timestamp with time zone", WireType::timestamptz}};
  const auto found = known.find(plain);
  if (found != known.end()) return found->second;
  throw DataError(fmt::format("the time column \"{}\" is {}, which is no time", column.name, column.sql_type),
                  "a time column is a timestamp, a date or a number that grows");
}

// Infinite times and NaN, which sort behind all others, are no points in time.
EventTime last_time(WireType type) {
  constexpr EventTime kYear9999 = 253402300799e6;  // its last second
  constexpr EventTime kLargeNumber = 9.2e18;       // still a bigint
  return value_type(type) == data::ValueType::instant ? kYear9999 : kLargeNumber;
}

bool is_true(const Result& result, int row, int column) {
  return PQgetvalue(result.get(), row, column)[0] == 't';
}

}  // namespace

ScoreTable::ScoreTable(const settings::Source& source, const std::string& application_name,
                       const settings::Model& model, Task task, std::string query,
                       std::vector<data::SourceColumn> columns)
    : session_(source, application_name),
      model_(model.name),
      task_(task),
      query_(std::move(query)),
      columns_(std::move(columns)),
      time_(column_of_query(model.time_column, "time")),
      into_(model.scoring.into),
      table_parts_(split_table_name(into_)) {
  (void)time_type(time_);
  if (model.scoring.key.empty()) throw DataError("scoring.key names no column");
  for (const std::string& name : model.scoring.key) {
    const data::SourceColumn& column = column_of_query(name, "key");
    require_name(name, "the key column");
    if (std::find(kOurs.begin(), kOurs.end(), name) != kOurs.end()) {
      throw DataError(
          fmt::format("the key column \"{}\" has the name of a column that the table of scores has anyway", name),
          "give it another name in the query: AS …");
    }
    key_.push_back({.name = name, .quoted = "", .query_type = column.sql_type, .type = ""});
  }
  values_.push_back({.name = "event_time", .quoted = "", .query_type = time_.sql_type, .type = ""});
  const char* score = task == Task::multiclass ? "probability" : "prediction";
  values_.push_back({.name = score, .quoted = "", .query_type = "double precision", .type = ""});
  if (task == Task::multiclass) {
    values_.push_back({.name = "class", .quoted = "", .query_type = "text", .type = ""});
  }
  quote_names();
}

const data::SourceColumn& ScoreTable::column_of_query(const std::string& name, const char* what) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const auto& c) { return c.name == name; });
  if (found != columns_.end()) return *found;
  std::vector<std::string> names;
  for (const data::SourceColumn& column : columns_) names.push_back(column.name);
  const auto near = nearest(name, names);
  throw DataError(fmt::format("the query does not return the {} column \"{}\"{}", what, name,
                              near ? fmt::format("; did you mean \"{}\"?", *near) : ""));
}

void ScoreTable::quote_names() {
  std::vector<std::string> names = table_parts_;
  for (const data::SourceColumn& column : columns_) names.push_back(column.name);
  for (const Column& column : values_) names.push_back(column.name);
  session_.transact([&] {
    const Result quoted = session_.run(kQuote, {array_of(names)});
    for (std::size_t i = 0; i < names.size(); ++i) {
      quoted_[names[i]] = PQgetvalue(quoted.get(), static_cast<int>(i), 0);
    }
  });
  for (const std::string& part : table_parts_) table_ += (table_.empty() ? "" : ".") + quoted_.at(part);
  for (std::vector<Column>* columns : {&key_, &values_}) {
    for (Column& column : *columns) column.quoted = quoted_.at(column.name);
  }
}

std::string ScoreTable::create_statement() const {
  std::string columns = "model text NOT NULL";
  std::string unique = "model";
  for (const Column& column : key_) {
    columns += fmt::format(", {} {} NOT NULL", column.quoted, column.query_type);
    unique += ", " + column.quoted;
  }
  columns += fmt::format(", {} {} NOT NULL", values_[0].quoted, values_[0].query_type);
  columns += ", version integer NOT NULL, scored_at timestamp with time zone NOT NULL";
  for (std::size_t i = values_.size(); i-- > 1;) {
    columns += fmt::format(", {} {} NOT NULL", values_[i].quoted, values_[i].query_type);
  }
  return fmt::format("CREATE TABLE {} ({}, UNIQUE ({}, version));", table_, columns, unique);
}

void ScoreTable::require_fit() {
  session_.transact([&] {
    const Result found = session_.run(kFindTable, {table_});
    if (PQntuples(found.get()) == 0) {
      throw DataError(fmt::format("there is no table {} at {} that its user may see", into_, session_.name()),
                      "create it: " + create_statement());
    }
    const std::string oid = PQgetvalue(found.get(), 0, 0);
    if (!is_true(found, 0, 1)) {
      throw DataError(fmt::format("{} at {} is no table", into_, session_.name()),
                      "name another in scoring.into, and create it: " + create_statement());
    }
    if (!is_true(found, 0, 2) || !is_true(found, 0, 3)) {
      const std::string grant = fmt::format("GRANT SELECT, INSERT ON {} TO {};", table_, PQgetvalue(found.get(), 0, 4));
      throw DataError(fmt::format("the user of {} may not read or not write {}", session_.name(), into_),
                      "allow it: " + grant);
    }
    std::vector<std::string> faults = column_faults(oid);
    std::vector<std::string> unique = {"model", "version"};
    for (const Column& column : key_) unique.push_back(column.name);
    if (!is_true(session_.run(kHasKey, {oid, array_of(unique)}), 0, 0)) {
      std::string list;
      for (const Column& column : key_) list += column.quoted + ", ";
      faults.push_back(fmt::format("it lacks UNIQUE (model, {}version)", list));
    }
    if (!faults.empty()) {
      throw DataError(fmt::format("table {} at {} does not fit: {}", into_, session_.name(), fmt::join(faults, "; ")),
                      "alter it, or name another in scoring.into; one that fits: " + create_statement());
    }
  });
}

std::vector<std::string> ScoreTable::column_faults(const std::string& oid) {
  struct Held {
    std::string type;
    bool demanded = false;
    bool computed = false;
    bool used = false;
  };
  std::map<std::string, Held> held;
  const Result columns = session_.run(kColumns, {oid});
  for (int i = 0; i < PQntuples(columns.get()); ++i) {
    held[PQgetvalue(columns.get(), i, 0)] = {.type = PQgetvalue(columns.get(), i, 1),
                                             .demanded = is_true(columns, i, 2),
                                             .computed = is_true(columns, i, 3),
                                             .used = false};
  }
  std::vector<std::string> faults;
  // The type of a column, or "" after a complaint.
  const auto look_at = [&](const std::string& name, const std::string& wanted, const auto& takes) -> std::string {
    const auto found = held.find(name);
    if (found == held.end()) {
      faults.push_back(fmt::format("it lacks the column {} {}", name, wanted));
      return "";
    }
    found->second.used = true;
    if (found->second.computed) {
      faults.push_back(fmt::format("its column {} is computed and cannot be written", name));
    } else if (!takes(found->second.type)) {
      faults.push_back(fmt::format("its column {} is {}, and should be {}", name, found->second.type, wanted));
    }
    return found->second.type;
  };
  const auto is_one_of = [](std::initializer_list<const char*> types) {
    return [types = std::vector<std::string>(types.begin(), types.end())](const std::string& type) {
      return std::find(types.begin(), types.end(), type) != types.end();
    };
  };
  look_at("model", "text", is_one_of({"text", "character varying"}));
  look_at("version", "integer", is_one_of({"integer", "bigint"}));
  look_at("scored_at", "timestamp with time zone",
          is_one_of({"timestamp with time zone", "timestamp without time zone"}));
  for (std::vector<Column>* ours : {&key_, &values_}) {
    for (Column& column : *ours) {
      column.type = look_at(column.name, column.query_type,
                            [&](const std::string& type) { return keeps_apart(column.query_type, type); });
    }
  }
  for (const auto& [name, column] : held) {
    if (column.used || !column.demanded) continue;
    faults.push_back(fmt::format("its column {} is NOT NULL without a default, and nothing would fill it", name));
  }
  return faults;
}

std::string ScoreTable::unscored(const UnscoredRows& rows) const {
  const std::string time = "q." + quoted_.at(time_.name);
  const WireType type = time_type(time_);
  std::string list = fmt::format("{}, CAST(NULL AS pg_catalog.float8) AS \"retraind label\"", time);
  for (const std::string& feature : rows.features) {
    list += ", q." + quoted_.at(column_of_query(feature, "feature").name);
  }
  std::string scored = fmt::format("EXISTS (SELECT FROM {} AS s WHERE s.model = {}", table_, quote_text(model_));
  for (std::size_t i = 0; i < key_.size(); ++i) {
    list += fmt::format(", CAST(q.{} AS pg_catalog.text) AS \"retraind key {}\"", key_[i].quoted, i + 1);
    scored += fmt::format(" AND s.{0} = CAST(q.{0} AS {1})", key_[i].quoted, key_[i].type);
  }
  list += fmt::format(", CAST({} AS pg_catalog.text) AS \"retraind time\"", time);
  return fmt::format("SELECT {} FROM (\n{}\n) AS q WHERE {} AND {} AND NOT {}) ORDER BY {} LIMIT {}", list,
                     one_statement(query_), later_than(time, type, rows.after),
                     not_later_than(time, type, last_time(type)), scored, time, rows.limit);
}

std::uint64_t ScoreTable::write(int version, const ScoreRows& rows) {
  if (rows.size() == 0) return 0;
  const bool multiclass = task_ == Task::multiclass;
  std::vector<std::optional<std::string>> parameters = {model_, std::to_string(version), array_of(rows.event_times),
                                                        array_of(rows.predictions)};
  std::string names = fmt::format("model, version, scored_at, {}, {}", values_[0].quoted, values_[1].quoted);
  std::string values =
      fmt::format("$1::pg_catalog.text, $2::pg_catalog.int4, pg_catalog.now(), CAST(r.t AS {}), r.p", values_[0].type);
  std::string arrays = "pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.float8[])";
  std::string columns = "t, p";
  const auto add_array = [&](const std::vector<std::string>& texts, const std::string& name) {
    if (texts.size() != rows.size()) throw std::logic_error("scores and their keys differ in length");
    parameters.emplace_back(array_of(texts));
    arrays += fmt::format(", pg_catalog.unnest(${}::pg_catalog.text[])", parameters.size());
    columns += ", " + name;
  };
  if (multiclass) {
    add_array(rows.classes, "c");
    names += ", " + values_[2].quoted;
    values += ", r.c";
  }
  std::string scored = fmt::format("EXISTS (SELECT FROM {} AS s WHERE s.model = $1::pg_catalog.text", table_);
  std::string conflict = "model";
  for (std::size_t i = 0; i < key_.size(); ++i) {
    add_array(rows.keys.at(i), fmt::format("k{}", i));
    const std::string value = fmt::format("CAST(r.k{} AS {})", i, key_[i].type);
    names += ", " + key_[i].quoted;
    values += ", " + value;
    scored += fmt::format(" AND s.{} = {}", key_[i].quoted, value);
    conflict += ", " + key_[i].quoted;
  }
  const std::string statement = fmt::format(
      "/* retraind:source.write_scores */ INSERT INTO {} ({}) SELECT {} FROM ROWS FROM ({}) AS r ({}) WHERE NOT {})"
      " ON CONFLICT ({}, version) DO NOTHING",
      table_, names, values, arrays, columns, scored, conflict);
  std::uint64_t written = 0;
  session_.transact([&] {
    const Result result = session_.run(statement, parameters);
    written = std::stoull(PQcmdTuples(result.get()));
  });
  return written;
}

}  // namespace retraind::source
