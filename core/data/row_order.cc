#include "core/data/row_order.h"

#include <cstddef>
#include <type_traits>
#include <utility>
#include <variant>

namespace retraind::data {
namespace {

template <class T>
void reorder(std::vector<T>& values, const std::vector<std::uint32_t>& order) {
  if (values.empty()) return;
  std::vector<T> moved(order.size());
  for (std::size_t i = 0; i < order.size(); ++i) moved[i] = values[order[i]];
  values = std::move(moved);
}

void reorder(std::vector<Column>& columns, const std::vector<std::uint32_t>& order) {
  for (Column& column : columns) {
    std::visit(
        [&order]<class T>(T& values) {
          if constexpr (std::is_same_v<T, NumberColumn>) {
            reorder(values.values, order);
          } else {
            reorder(values.codes, order);
          }
        },
        column.values);
  }
}

}  // namespace

void reorder_rows(Table& table, const std::vector<std::uint32_t>& order) {
  reorder(table.event_times, order);
  reorder(table.row_keys, order);
  reorder(table.label.values, order);
  reorder(table.features, order);
  reorder(table.clusters, order);
  reorder(table.weights, order);
  reorder(table.entities, order);
  reorder(table.slices, order);
  reorder(table.keys, order);
}

}  // namespace retraind::data
