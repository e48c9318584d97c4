#include "core/source/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <stdexcept>

#include "core/base/error.h"
#include "core/source/copy_decoder.h"
#include "core/source/query_text.h"
#include "core/source/session.h"
#include "core/store/error_translation.h"

namespace retraind::source {
namespace {

// The columns' types by name, and whether they are enums. $1 and $2 are arrays of type and modifier; the server has
// already put a domain's base type in its place.
constexpr const char* kColumnTypes = R"sql(/* retraind:source.column_types */
SELECT pg_catalog.format_type(c.oid, c.modifier), t.typtype = 'e'
FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))
       WITH ORDINALITY AS c (oid, modifier, place)
  JOIN pg_catalog.pg_type AS t ON t.oid = c.oid
ORDER BY c.place)sql";

struct DescribedColumn {
  data::SourceColumn column;
  std::optional<WireType> wire;  // std::nullopt: a type retraind does not read
};

template <class Number>
Number parse_number(const std::string& text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw DataError(fmt::format("the source answered \"{}\" where a number was expected", text));
  }
  return value;
}

// Of a plan's first line: "Seq Scan on t  (cost=0.00..35.50 rows=2550 width=4)".
std::uint64_t planned_rows(std::string_view line) {
  constexpr std::string_view kRows = " rows=";
  const std::size_t at = line.rfind(kRows);
  const std::size_t end = at == std::string_view::npos ? at : line.find(' ', at + kRows.size());
  if (end == std::string_view::npos) throw DataError(fmt::format("the source answered \"{}\" for a plan", line));
  return parse_number<std::uint64_t>(std::string(line.substr(at + kRows.size(), end - at - kRows.size())));
}

}  // namespace

struct SourceReader::Impl {
  Impl(const settings::Source& source, const std::string& application_name, const std::string& snapshot)
      : session(source, application_name, snapshot) {}

  Session session;
  std::string described_query;  // the one `described` belongs to
  std::vector<DescribedColumn> described;

  const std::vector<DescribedColumn>& describe(const std::string& query) {
    if (!described_query.empty() && query == described_query) return described;
    const std::string statement = one_statement(query);
    // First as it stands, so that the places in complaints are the user's; then in parentheses, because what is not a
    // SELECT cannot stand there.
    session.describe(statement);
    const Result result = [&] {
      try {
        return session.describe(fmt::format("SELECT * FROM (\n{}\n) AS q", statement));
      } catch (const DataError& error) {
        throw DataError(fmt::format("the query must be one SELECT that only reads (or WITH, VALUES, TABLE): {}",
                                    store::first_line(error.what())),
                        error.hint());
      }
    }();
    std::string oids = "{";
    std::string modifiers = "{";
    const int count = PQnfields(result.get());
    for (int i = 0; i < count; ++i) {
      oids += fmt::format("{}{}", i > 0 ? "," : "", PQftype(result.get(), i));
      modifiers += fmt::format("{}{}", i > 0 ? "," : "", PQfmod(result.get(), i));
    }
    const Result types = session.run(kColumnTypes, {oids + "}", modifiers + "}"});
    if (PQntuples(types.get()) != count) throw DataError("a column's type was dropped while the query was described");
    std::vector<DescribedColumn> columns;
    for (int i = 0; i < count; ++i) {
      const auto wire = wire_type(PQftype(result.get(), i), PQgetvalue(types.get(), i, 1)[0] == 't');
      columns.push_back({.column = {.name = PQfname(result.get(), i),
                                    .sql_type = PQgetvalue(types.get(), i, 0),
                                    .type = wire ? value_type(*wire) : data::ValueType::category},
                         .wire = wire});
    }
    described = std::move(columns);
    described_query = query;
    return described;
  }

  // Feeds a COPY to the decoder; `row` is called behind each row, with its bytes. Returns the bytes received.
  template <class Row>
  std::uint64_t copy(const std::string& sql, CopyDecoder& decoder, const Row& row, const RawListener& raw = {}) {
    std::uint64_t bytes = 0;
    session.copy_out(
        sql,
        [&](std::span<const std::byte> message) {
          bytes += message.size();
          if (raw) raw(message);
          while (!message.empty()) {
            const CopyDecoder::Taken taken = decoder.take(message);
            if (taken.item == CopyDecoder::Item::row) row(message.first(taken.bytes));
            message = message.subspan(taken.bytes);
          }
        },
        [&] { return decoder.rows(); });
    decoder.finish();
    return bytes;
  }

  // How a column looks on the wire; throws DataError when it is no longer what `expected` says.
  WireType wire_of(const settings::Model& model, const data::SourceColumn& expected) {
    for (const DescribedColumn& candidate : describe(model.query)) {
      if (candidate.column.name != expected.name) continue;
      if (!candidate.wire) throw DataError(cannot_read(expected.name, candidate.column.sql_type));
      if (candidate.column.sql_type == expected.sql_type) return *candidate.wire;
      throw DataError(fmt::format("column \"{}\" had type {} and now has type {}", expected.name, expected.sql_type,
                                  candidate.column.sql_type));
    }
    throw DataError(fmt::format("the query no longer returns a column \"{}\"", expected.name));
  }

  std::string qualified(std::string_view column) { return "q." + session.quote_name(column); }

  static std::string from(const settings::Model& model) {
    return fmt::format("FROM (\n{}\n) AS q", one_statement(model.query));
  }

  // " WHERE …", or nothing. Rows whose event time is NULL fall out as soon as there is a bound.
  std::string where(const settings::Model& model, const data::SourceColumn& time_column, const RowFilter& filter) {
    const std::string time = qualified(time_column.name);
    const WireType type = wire_of(model, time_column);
    std::vector<std::string> conditions;
    if (filter.after) conditions.push_back(later_than(time, type, *filter.after));
    if (filter.until) conditions.push_back(not_later_than(time, type, *filter.until));
    if (filter.labelled_only) conditions.push_back(qualified(model.label) + " IS NOT NULL");
    if (filter.newest_rows) {
      conditions.push_back(time + " IS NOT NULL");
      if (*filter.newest_rows == 0) {
        conditions.emplace_back("false");
      } else if (const auto cut = find_cut(model, time, conditions, *filter.newest_rows)) {
        conditions.push_back(fmt::format("{} >= {}", time, *cut));
      }
    }
    std::string out;
    for (const std::string& condition : conditions) out += (out.empty() ? " WHERE " : " AND ") + condition;
    return out;
  }

  // By COPY, so that the time is decoded by the very code that decodes the rows'.
  std::optional<EventTime> outermost_event(std::string_view aggregate, std::string_view which,
                                           const settings::Model& model, const data::SourceColumn& time_column,
                                           const RowFilter& filter) {
    const std::string time = qualified(time_column.name);
    const std::string condition = where(model, time_column, filter);
    CopyDecoder decoder({{time_column.name, time_column.sql_type, wire_of(model, time_column)}});
    copy(fmt::format("/* retraind:source.{}_event */ COPY (SELECT pg_catalog.{}({}) {}{}) TO STDOUT (FORMAT binary)",
                     which, aggregate, time, from(model), condition),
         decoder, [](std::span<const std::byte>) {});
    const data::Batch& batch = decoder.batch();
    if (batch.rows != 1) throw DataError(fmt::format("the source answered {} rows where one was expected", batch.rows));
    if (batch.columns[0].nulls[0] != 0) return std::nullopt;
    const double found = batch.columns[0].numbers[0];
    if (!std::isfinite(found)) {
      throw DataError(
          fmt::format("the {} event time in column \"{}\" is {}, which is no point in time", which, time_column.name,
                      std::isnan(found) ? "NaN"
                      : found > 0       ? "infinity"
                                        : "-infinity"),
          "leave such rows out in the query");
    }
    return found;
  }

  // The event time of the n-th newest row, as an SQL literal; std::nullopt when there are fewer rows. It goes from the
  // server and back as text, so that no rounding comes between.
  std::optional<std::string> find_cut(const settings::Model& model, const std::string& time,
                                      const std::vector<std::string>& conditions, std::uint64_t newest_rows) {
    const Result result = session.run(fmt::format(
        "/* retraind:source.newest_rows */ SELECT {0}, pg_catalog.pg_typeof({0}) {1} WHERE {2} ORDER BY {0} DESC"
        " OFFSET {3} LIMIT 1",
        time, from(model), fmt::join(conditions, " AND "), newest_rows - 1));
    if (PQntuples(result.get()) == 0) return std::nullopt;
    return fmt::format("CAST({} AS {})", session.quote_text(PQgetvalue(result.get(), 0, 0)),
                       PQgetvalue(result.get(), 0, 1));
  }
};

SourceReader::SourceReader(const settings::Source& source, const std::string& application_name,
                           const std::string& snapshot)
    : impl_(std::make_unique<Impl>(source, application_name, snapshot)) {}

SourceReader::~SourceReader() = default;
SourceReader::SourceReader(SourceReader&&) noexcept = default;
SourceReader& SourceReader::operator=(SourceReader&&) noexcept = default;

std::vector<data::SourceColumn> SourceReader::describe(const std::string& query,
                                                       const std::vector<std::string>& wanted) {
  std::vector<data::SourceColumn> out;
  std::string complaints;
  for (const DescribedColumn& column : impl_->describe(query)) {
    const bool is_wanted = wanted.empty() || std::ranges::find(wanted, column.column.name) != wanted.end();
    if (is_wanted && !column.wire) {
      complaints += (complaints.empty() ? "" : "; ") + cannot_read(column.column.name, column.column.sql_type);
    }
    out.push_back(column.column);
  }
  if (!complaints.empty()) throw DataError(complaints);
  return out;
}

void SourceReader::plan(const std::string& query) {
  impl_->session.run(
      fmt::format("/* retraind:source.plan */ EXPLAIN SELECT * FROM (\n{}\n) AS q", one_statement(query)));
}

std::optional<EventTime> SourceReader::newest_event(const settings::Model& model, const data::SourceColumn& time_column,
                                                    std::optional<EventTime> until, bool labelled_only) {
  return impl_->outermost_event("max", "newest", model, time_column,
                                {.after = {}, .until = until, .newest_rows = {}, .labelled_only = labelled_only});
}

std::optional<EventTime> SourceReader::oldest_event(const settings::Model& model, const data::SourceColumn& time_column,
                                                    std::optional<EventTime> until, bool labelled_only) {
  return impl_->outermost_event("min", "oldest", model, time_column,
                                {.after = {}, .until = until, .newest_rows = {}, .labelled_only = labelled_only});
}

std::optional<EventTime> SourceReader::nth_newest_event(const settings::Model& model,
                                                        const data::SourceColumn& time_column,
                                                        std::optional<EventTime> until, bool labelled_only,
                                                        std::uint64_t nth) {
  if (nth == 0) throw std::logic_error("the newest row is the first");
  RowFilter filter;
  filter.until = until;
  filter.labelled_only = labelled_only;
  const std::string time = impl_->qualified(time_column.name);
  const std::string where = impl_->where(model, time_column, filter);
  CopyDecoder decoder({{time_column.name, time_column.sql_type, impl_->wire_of(model, time_column)}});
  impl_->copy(
      fmt::format("/* retraind:source.nth_newest_event */ COPY (SELECT {0} {1}{2}{3} {0} IS NOT NULL ORDER BY {0}"
                  " DESC OFFSET {4} LIMIT 1) TO STDOUT (FORMAT binary)",
                  time, Impl::from(model), where, where.empty() ? " WHERE" : " AND", nth - 1),
      decoder, [](std::span<const std::byte>) {});
  const data::Batch& batch = decoder.batch();
  if (batch.rows == 0) return std::nullopt;
  return batch.columns[0].numbers[0];
}

std::uint64_t SourceReader::estimate_rows(const settings::Model& model, const data::SourceColumn& time_column,
                                          const RowFilter& filter) {
  const std::string where = impl_->where(model, time_column, filter);
  const Result result = impl_->session.run(fmt::format("/* retraind:source.estimate_rows */ EXPLAIN SELECT {} {}{}",
                                                       impl_->qualified(time_column.name), Impl::from(model), where));
  return planned_rows(PQgetvalue(result.get(), 0, 0));
}

std::string SourceReader::export_snapshot() {
  return impl_->session.export_snapshot();
}

std::function<void()> SourceReader::canceller() const {
  return [canceller = std::make_shared<const Canceller>(impl_->session.canceller())] { canceller->cancel(); };
}

std::uint64_t SourceReader::count_rows(const settings::Model& model, const data::SourceColumn& time_column,
                                       const RowFilter& filter) {
  const std::string where = impl_->where(model, time_column, filter);
  const Result result = impl_->session.run(
      fmt::format("/* retraind:source.count_rows */ SELECT pg_catalog.count(*) {}{}", Impl::from(model), where));
  return parse_number<std::uint64_t>(PQgetvalue(result.get(), 0, 0));
}

ExtractStats SourceReader::extract(const settings::Model& model, const std::vector<data::SourceColumn>& all_columns,
                                   const std::vector<std::size_t>& columns, const data::SourceColumn& time_column,
                                   const RowFilter& filter, RowSetHash* row_set,
                                   const std::vector<data::BatchSink*>& sinks, const RawListener& raw) {
  if (columns.empty()) throw std::logic_error("an extraction of no columns");
  std::vector<CopyColumn> wire;
  std::string names;
  for (const std::size_t place : columns) {
    const data::SourceColumn& column = all_columns.at(place);
    wire.push_back({column.name, column.sql_type, impl_->wire_of(model, column)});
    names += (names.empty() ? "" : ", ") + impl_->qualified(column.name);
  }
  const std::string where = impl_->where(model, time_column, filter);

  ExtractStats stats;
  CopyDecoder decoder(std::move(wire));
  const auto hand_on = [&] {
    const data::Batch& batch = decoder.batch();
    for (data::BatchSink* sink : sinks) sink->consume(batch);
    decoder.clear();
  };
  stats.bytes = impl_->copy(
      fmt::format("/* retraind:source.extract */ COPY (SELECT {} {}{}) TO STDOUT (FORMAT binary)", names,
                  Impl::from(model), where),
      decoder,
      [&](std::span<const std::byte> row) {
        if (row_set != nullptr) decoder.add_row_key(row_set->add(row));
        if (decoder.full()) hand_on();
      },
      raw);
  if (decoder.batch().rows > 0) hand_on();
  stats.rows = decoder.rows();
  return stats;
}

std::vector<WireType> SourceReader::wire_types(const settings::Model& model,
                                               const std::vector<data::SourceColumn>& all_columns,
                                               const std::vector<std::size_t>& columns) {
  std::vector<WireType> out;
  for (const std::size_t place : columns) out.push_back(impl_->wire_of(model, all_columns.at(place)));
  return out;
}

}  // namespace retraind::source
