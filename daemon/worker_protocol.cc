#include "daemon/worker_protocol.h"

#include <boost/json.hpp>
#include <limits>

#include "core/pipeline/json_access.h"

namespace retraind::daemon {

namespace json = boost::json;
using pipeline::ObjectReader;
using pipeline::parse_json;

std::string to_json(const settings::Source& source) {
  return json::serialize(json::object{{"name", source.name},
                                      {"conninfo", source.conninfo},
                                      {"statement_timeout_us", source.statement_timeout.count()},
                                      {"streams", source.streams}});
}

settings::Source source_from_json(std::string_view text) {
  const json::value value = parse_json(text, "the source");
  const ObjectReader reader(value, "the source");
  return {.name = reader.text("name"),
          .conninfo = reader.text("conninfo"),
          .statement_timeout = Duration(reader.integer<std::int64_t>("statement_timeout_us")),
          .streams = reader.integer<int>("streams")};
}

std::string to_line(const StepLine& step) {
  json::object out{{"step", to_text(step.step)},
                   {"finished", step.finished},
                   {"at_us", step.at.count()},
                   {"took_us", step.took.count()},
                   {"rows", nullptr}};
  if (step.rows) out["rows"] = *step.rows;
  out["detail"] = parse_json(step.detail, "a step's detail");
  if (step.progress) {
    out["progress"] = {
        {"done", step.progress->done}, {"total", step.progress->total}, {"unit", to_text(step.progress->unit)}};
  }
  return json::serialize(out);
}

StepLine parse_step_line(std::string_view line) {
  const json::value value = parse_json(line, "a step line");
  const ObjectReader reader(value, "a step line");
  StepLine out;
  out.step = reader.word<Step>("step");
  out.finished = reader.boolean("finished");
  out.at = Duration(reader.integer<std::int64_t>("at_us"));
  out.took = Duration(reader.integer<std::int64_t>("took_us"));
  if (out.took < Duration::zero() || out.took > out.at) throw DataError("a step line's durations make no sense");
  if (reader.has("rows")) out.rows = reader.integer<std::uint64_t>("rows");
  out.detail = json::serialize(reader.member("detail"));
  if (reader.has("progress")) {
    const ObjectReader progress(reader.member("progress"), "a step line's progress");
    out.progress = train::Progress{.done = progress.integer<std::uint64_t>("done"),
                                   .total = progress.integer<std::uint64_t>("total"),
                                   .unit = progress.word<ProgressUnit>("unit")};
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (out.finished || out.progress->done > kMost || out.progress->total > kMost) {
      throw DataError("a step line's progress makes no sense");
    }
  }
  return out;
}

}  // namespace retraind::daemon
