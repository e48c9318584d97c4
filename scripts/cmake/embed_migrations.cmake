# Writes OUTPUT, a C++ file that holds every NNN_name.up.sql and NNN_name.down.sql of FOLDER, in order.
file(GLOB ups ${FOLDER}/*.up.sql)
list(SORT ups)
set(entries "")
set(expected 1)
foreach(up IN LISTS ups)
  get_filename_component(file ${up} NAME)
  if(NOT file MATCHES "^([0-9][0-9][0-9])_([a-z0-9_]+)\\.up\\.sql$")
    message(FATAL_ERROR "migration ${file} is not named NNN_name.up.sql")
  endif()
  set(digits ${CMAKE_MATCH_1})
  set(name ${CMAKE_MATCH_2})
  math(EXPR version "1${digits} - 1000")
  if(NOT version EQUAL expected)
    message(FATAL_ERROR "migration ${file}: number ${expected} was expected next")
  endif()
  math(EXPR expected "${expected} + 1")
  file(READ ${up} up_text)
  file(READ ${FOLDER}/${digits}_${name}.down.sql down_text)
  string(APPEND entries "    {${version}, \"${name}\", R\"retraind_sql(${up_text})retraind_sql\",\n     R\"retraind_sql(${down_text})retraind_sql\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from migrations/ by scripts/cmake/embed_migrations.cmake.
#include \"core/store/migrator.h\"

namespace retraind::store {
namespace {
constexpr Migration kMigrations[] = {
${entries}};
}  // namespace

std::span<const Migration> migrations() { return kMigrations; }

}  // namespace retraind::store
")
