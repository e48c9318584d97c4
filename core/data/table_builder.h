#pragma once
// What a TableBuilder holds while rows come. For table.cc, which takes batches and hands the table over, and
// table_append.cc, which joins what several streams have brought.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/sha256.h"
#include "core/data/dictionary.h"
#include "core/data/entity.h"
#include "core/data/table.h"

namespace retraind::data {

struct TableBuilder::Impl {
  std::vector<SourceColumn> columns;  // in reading order
  Roles roles;                        // only how many of each there are matters here
  Task task = Task::binary;

  Table table;
  std::vector<TextDictionary> feature_texts;  // parallel to the features; empty ones for numbers
  std::vector<TextDictionary> slice_texts;    // likewise
  TextDictionary label_texts;
  NumberDictionary label_numbers;
  TextDictionary cluster_texts;
  NumberDictionary cluster_numbers;
  EntityHash entity_hash;
  Sha256 key_hash;
  std::string key_bytes;                // of one row; memory to reuse
  std::vector<std::size_t> key_places;  // in reading order
  bool ordered = true;

  void start();
  void check(const Batch& batch) const;
  void check_room(std::size_t rows) const;
  // Whether a row stands in order behind those that are there.
  bool may_follow(EventTime time, std::optional<std::uint64_t> key) const {
    if (table.event_times.empty() || table.event_times.back() < time) return true;
    return table.event_times.back() == time && (!key || *key >= table.row_keys.back());
  }
  void append_times(const Batch& batch);
  void append_label(const BatchColumn& values, std::size_t rows);
  void check_classes() const;
  void append_feature(std::size_t feature, const BatchColumn& values, std::size_t rows);
  void check_feature(std::size_t feature) const;
  void append_slice(std::size_t slice, const BatchColumn& values, std::size_t rows);
  void check_slice(std::size_t slice) const;
  void append_clusters(const BatchColumn& values, std::size_t rows);
  void append_weights(const std::string& name, const BatchColumn& values, std::size_t rows);
  void append_entities(const BatchColumn& values, std::size_t rows);
  void append_keys(const Batch& batch);
  void append_columns(std::vector<Column>& to, std::vector<TextDictionary>& texts, std::vector<Column>& later,
                      const std::vector<TextDictionary>& later_texts);
  void append(Impl& later);
  std::string at(std::size_t row) const { return format_event_time(table.axis, table.event_times[row]); }
  void sort_rows();
  void finish_label();
  void finish_clusters();
};

}  // namespace retraind::data
