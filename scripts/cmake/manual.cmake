# Manual pages and the completion of bash, written by retraind_manual from the command line itself and from the commented
# configuration. Not where sanitizers are for the tests: those ask the same functions.
string(TIMESTAMP manual_date "%Y-%m-%d" UTC)  # SOURCE_DATE_EPOCH, where it is set
set(manual ${CMAKE_BINARY_DIR}/manual)
set(MAN_8 ${manual}/retraind.8)
file(READ ${CMAKE_SOURCE_DIR}/docs/man/retraind.8 page)
string(REPLACE "@DATE@" "${manual_date}" page "${page}")
string(REPLACE "@VERSION@" "${PROJECT_VERSION}" page "${page}")
file(CONFIGURE OUTPUT ${MAN_8} CONTENT "${page}" @ONLY)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/retraind.8)

set(settings_file ${CMAKE_SOURCE_DIR}/config/retraind.toml)
set(pages ${manual}/retraind.1 ${manual}/retraind.toml.5)
add_custom_command(OUTPUT ${pages} ${manual}/retraind.bash
  COMMAND retraind_manual ${settings_file} ${PROJECT_VERSION} ${manual_date} ${manual}
  DEPENDS retraind_manual ${settings_file} VERBATIM)
set(packed "")
foreach(page IN ITEMS ${pages} ${MAN_8})
  add_custom_command(OUTPUT ${page}.gz COMMAND gzip -9nkf ${page} DEPENDS ${page} VERBATIM)
  list(APPEND packed ${page}.gz)
endforeach()
add_custom_target(manual ALL DEPENDS ${packed} ${manual}/retraind.bash)

include(GNUInstallDirs)
install(FILES ${manual}/retraind.1.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${manual}/retraind.toml.5.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES ${manual}/retraind.8.gz DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES ${manual}/retraind.bash DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME retraind)
