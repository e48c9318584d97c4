#pragma once
// Tables for people: aligned columns, numbers to the right, times in the local zone. Pure but for the time zone.

#include <cstddef>
#include <string>

#include "core/runs/history.h"

namespace retraind::daemon {

struct TableStyle {
  bool colour = false;
  std::size_t width = 0;  // of the terminal; 0: lines are as long as they are, as for files and other programs
  bool utc = false;       // times in UTC instead of the local zone
};

// One line a row below a header and a rule; "-" for NULL. Ends with a line break. Without a row: "(none)". With a
// width, columns of text are made narrower until the lines fit, and lines that still do not are cut; both end in an
// ellipsis.
std::string render_table(const runs::Page& page, const TableStyle& style = {});

// The cells of one row, one a line behind their names; cells that are NULL are left out.
std::string render_record(const runs::Page& page, std::size_t row, const TableStyle& style);

// "2026-11-23 16:05:00 +0100" of PostgreSQL's "2026-11-23 15:05:00.5+00"; any other text as it is.
std::string localised(const std::string& text, bool utc);

// "850 ms", "12.5 s", "3 min 20 s", "2 h 5 min", "3 d 4 h" of PostgreSQL's "1 day 02:03:04.5"; other text as it is.
std::string spelled_interval(const std::string& text);

}  // namespace retraind::daemon
