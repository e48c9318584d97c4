#include <stdexcept>
#include <utility>

#include "core/data/table_builder.h"

namespace retraind::data {
namespace {

// Few enough to be copied in turn: memory is for one more column at most.
template <class T>
void move_behind(std::vector<T>& values, std::vector<T>& later) {
  values.insert(values.end(), later.begin(), later.end());
  std::vector<T>().swap(later);
}

// The codes that texts or numbers of another dictionary have in this one.
std::vector<std::int32_t> codes_in(TextDictionary& here, const TextDictionary& there) {
  std::vector<std::int32_t> out(there.size());
  for (std::size_t code = 0; code < out.size(); ++code) {
    out[code] = here.code_of(there.text(static_cast<std::int32_t>(code)));
  }
  return out;
}
std::vector<std::int32_t> codes_in(NumberDictionary& here, const NumberDictionary& there) {
  std::vector<std::int32_t> out(there.size());
  for (std::size_t code = 0; code < out.size(); ++code) {
    out[code] = here.code_of(there.number(static_cast<std::int32_t>(code)));
  }
  return out;
}

// Of codes, also where they stand in a column of another type; what is no code (NULL) stays.
template <class T>
void recode(std::vector<T>& codes, const std::vector<std::int32_t>& codes_here) {
  if (codes_here.empty()) return;
  for (T& code : codes) {
    if (code >= 0) code = static_cast<T>(codes_here[static_cast<std::size_t>(code)]);
  }
}

}  // namespace

void TableBuilder::Impl::append_columns(std::vector<Column>& to, std::vector<TextDictionary>& texts,
                                        std::vector<Column>& later, const std::vector<TextDictionary>& later_texts) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (auto* numbers = std::get_if<NumberColumn>(&to[i].values)) {
      move_behind(numbers->values, std::get<NumberColumn>(later[i].values).values);
      continue;
    }
    auto& codes = std::get<CategoryColumn>(later[i].values).codes;
    recode(codes, codes_in(texts[i], later_texts[i]));
    move_behind(std::get<CategoryColumn>(to[i].values).codes, codes);
  }
}

void TableBuilder::Impl::append(Impl& later) {
  Table& other = later.table;
  if (later.columns != columns || later.task != task) throw std::logic_error("rows of another table to append");
  if (other.rows == 0) return;
  if (table.rows > 0 && table.row_keys.empty() != other.row_keys.empty()) {
    throw std::logic_error("some rows have keys and some have none");
  }
  check_room(other.rows);
  const bool keyed = !other.row_keys.empty();
  ordered = ordered && later.ordered &&
            may_follow(other.event_times.front(), keyed ? std::optional(other.row_keys.front()) : std::nullopt);
  move_behind(table.event_times, other.event_times);
  move_behind(table.row_keys, other.row_keys);
  // Of these dictionaries at most one is used: by the column's type, and for a regression none.
  recode(other.label.values, codes_in(label_texts, later.label_texts));
  recode(other.label.values, codes_in(label_numbers, later.label_numbers));
  move_behind(table.label.values, other.label.values);
  check_classes();
  append_columns(table.features, feature_texts, other.features, later.feature_texts);
  for (std::size_t i = 0; i < table.features.size(); ++i) check_feature(i);
  append_columns(table.slices, slice_texts, other.slices, later.slice_texts);
  for (std::size_t i = 0; i < table.slices.size(); ++i) check_slice(i);
  recode(other.clusters, codes_in(cluster_texts, later.cluster_texts));
  recode(other.clusters, codes_in(cluster_numbers, later.cluster_numbers));
  move_behind(table.clusters, other.clusters);
  move_behind(table.weights, other.weights);
  move_behind(table.entities, other.entities);
  move_behind(table.keys, other.keys);
  table.vague_keys = table.vague_keys || other.vague_keys;
  table.rows += other.rows;
  later.start();
}

void TableBuilder::append(TableBuilder&& later) {
  impl_->append(*later.impl_);
}

}  // namespace retraind::data
