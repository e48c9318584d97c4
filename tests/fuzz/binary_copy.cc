#include "core/base/error.h"
#include "core/source/copy_decoder.h"
#include "tests/fuzz/targets.h"

namespace retraind::fuzz {

void binary_copy(std::string_view input) {
  using source::WireType;
  source::CopyDecoder decoder({{"a", "smallint", WireType::int2},
                               {"b", "integer", WireType::int4},
                               {"c", "bigint", WireType::int8},
                               {"d", "numeric", WireType::numeric},
                               {"e", "text", WireType::text},
                               {"f", "uuid", WireType::uuid},
                               {"g", "date", WireType::date},
                               {"h", "boolean", WireType::boolean},
                               {"i", "timestamp", WireType::timestamp},
                               {"j", "real", WireType::float4},
                               {"k", "double precision", WireType::float8}});
  std::span<const std::byte> rest = std::as_bytes(std::span(input));
  try {
    while (!rest.empty()) {
      const auto taken = decoder.take(rest);
      require(taken.bytes >= 1 && taken.bytes <= rest.size(), "an item lies in what was given");
      rest = rest.subspan(taken.bytes);
      if (decoder.full()) decoder.clear();
    }
    decoder.finish();
    require(decoder.batch().rows <= decoder.rows(), "no row comes from nowhere");
  } catch (const DataError&) {
  }
}

}  // namespace retraind::fuzz
