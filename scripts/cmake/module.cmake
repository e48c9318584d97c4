# One static library a module, so that an include that goes against the table in core/README.md does not link.

# Flags every target of ours is compiled with; libraries from Debian come in as SYSTEM includes and are not judged.
add_library(retraind_flags INTERFACE)
target_compile_options(retraind_flags INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror -fno-omit-frame-pointer)
# g++ 12 sees overlapping copies in std::string's own operator+ when it optimises (GCC bug 105651); there are none.
target_compile_options(retraind_flags INTERFACE $<$<CONFIG:Release,RelWithDebInfo>:-Wno-restrict>)
target_include_directories(retraind_flags INTERFACE ${CMAKE_SOURCE_DIR})
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  # Only the fuzzers are built with it; g++ is the one whose warnings count.
  target_compile_options(retraind_flags INTERFACE -Wno-error -Wno-unknown-warning-option)
endif()
if(RETRAIND_SANITIZE)
  target_compile_options(retraind_flags INTERFACE -fsanitize=${RETRAIND_SANITIZE} -fno-sanitize-recover=all)
  # Sanitizers keep a description of each variable and check, millions of addresses, which a program that can be loaded
  # anywhere works out anew at each start; tests start hundreds.
  target_link_options(retraind_flags INTERFACE -fsanitize=${RETRAIND_SANITIZE} -no-pie)
  # Lines are all that a report prints; without the rest the build and the linking take a fifth less.
  target_compile_options(retraind_flags INTERFACE -g1)
  # g++ 12 warns about code that the sanitizers themselves insert.
  target_compile_options(retraind_flags INTERFACE -Wno-maybe-uninitialized)
  if(RETRAIND_SANITIZE MATCHES "thread")
    target_compile_options(retraind_flags INTERFACE -Wno-tsan)
  endif()
endif()

# Headers that nearly everything includes are compiled once, where RETRAIND_PRECOMPILE is on: a third of the time that a
# build takes is spent reading them. Only scripts/test turns it on, for its sanitized build; its release build shows that
# each file includes what it needs by itself.
option(RETRAIND_PRECOMPILE "compile the headers of the standard library and of googletest once" OFF)
set(RETRAIND_PRECOMPILED_HEADERS <algorithm> <array> <chrono> <cmath> <cstdint> <functional> <map> <memory>
  <optional> <set> <span> <stdexcept> <string> <string_view> <utility> <variant> <vector>)
if(RETRAIND_PRECOMPILE)
  add_library(retraind_precompiled OBJECT ${CMAKE_SOURCE_DIR}/scripts/cmake/precompiled.cc)
  target_link_libraries(retraind_precompiled PRIVATE retraind_flags)
  target_precompile_headers(retraind_precompiled PRIVATE ${RETRAIND_PRECOMPILED_HEADERS})
endif()

# retraind_module(NAME [USES module...] [LIBRARIES target...])
# Makes the library retraind_NAME of every .cc in the calling folder. USES are modules of ours, LIBRARIES others' targets.
function(retraind_module name)
  cmake_parse_arguments(ARG "" "" "USES;LIBRARIES" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  if(NOT sources)
    add_library(retraind_${name} INTERFACE)
    return()
  endif()
  add_library(retraind_${name} STATIC ${sources})
  target_link_libraries(retraind_${name} PUBLIC retraind_flags)
  foreach(used IN LISTS ARG_USES)
    target_link_libraries(retraind_${name} PUBLIC retraind_${used})
  endforeach()
  target_link_libraries(retraind_${name} PUBLIC ${ARG_LIBRARIES})
  if(RETRAIND_PRECOMPILE)
    target_precompile_headers(retraind_${name} REUSE_FROM retraind_precompiled)
  endif()
endfunction()

# retraind_has_failpoints(TARGET): its code passes points of core/base/failpoint.h. Only such modules are compiled with the
# switch, so that turning it builds little anew.
function(retraind_has_failpoints target)
  if(RETRAIND_FAILPOINTS)
    target_compile_definitions(${target} PRIVATE RETRAIND_FAILPOINTS)
  endif()
endfunction()
