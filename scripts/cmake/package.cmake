# The Debian package, by CPack: what of it belongs outside of the prefix, and what dpkg is told. scripts/package builds
# it; a plain `cmake --install` puts none of this anywhere.
set(debian ${CMAKE_SOURCE_DIR}/scripts/debian)
set(doc /usr/share/doc/retraind)

install(FILES ${CMAKE_SOURCE_DIR}/systemd/retraind.service ${CMAKE_SOURCE_DIR}/systemd/retraind@.service
  DESTINATION /lib/systemd/system)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/retraind.sysusers DESTINATION /usr/lib/sysusers.d RENAME retraind.conf)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/retraind.tmpfiles DESTINATION /usr/lib/tmpfiles.d RENAME retraind.conf)
install(FILES ${CMAKE_SOURCE_DIR}/systemd/retraind.catalog DESTINATION /usr/lib/systemd/catalog)
# Connection strings are nobody's business: readable by root and, from postinst on, by the service's group.
install(DIRECTORY DESTINATION /etc/retraind
  DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
install(FILES ${CMAKE_SOURCE_DIR}/config/retraind.toml DESTINATION /etc/retraind
  PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ)
install(FILES ${debian}/lintian-overrides DESTINATION /usr/share/lintian/overrides RENAME retraind)
# Alert rules and dashboards, and whatever else is beside the configuration.
file(GLOB shared RELATIVE ${CMAKE_SOURCE_DIR}/config CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/config/*)
foreach(entry IN LISTS shared)
  if(IS_DIRECTORY ${CMAKE_SOURCE_DIR}/config/${entry})
    install(DIRECTORY ${CMAKE_SOURCE_DIR}/config/${entry} DESTINATION /usr/share/retraind)
  elseif(NOT entry STREQUAL "retraind.toml")
    install(FILES ${CMAKE_SOURCE_DIR}/config/${entry} DESTINATION /usr/share/retraind)
  endif()
endforeach()

file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/*.md)
install(FILES ${CMAKE_SOURCE_DIR}/README.md ${pages} ${debian}/copyright DESTINATION ${doc})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/docs/examples DESTINATION ${doc} USE_SOURCE_PERMISSIONS)
add_custom_command(OUTPUT ${CMAKE_BINARY_DIR}/changelog.gz
  COMMAND gzip -9nc ${debian}/changelog > ${CMAKE_BINARY_DIR}/changelog.gz DEPENDS ${debian}/changelog)
add_custom_target(changelog ALL DEPENDS ${CMAKE_BINARY_DIR}/changelog.gz)
install(FILES ${CMAKE_BINARY_DIR}/changelog.gz DESTINATION ${doc})

set(RETRAIND_PACKAGE_VERSION ${PROJECT_VERSION} CACHE STRING "version of the Debian package")
set(RETRAIND_MAINTAINER "The retraind maintainers <maintainers@retraind.example>" CACHE STRING "who answers for the package")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME retraind)
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "continuous training of models on PostgreSQL")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"retraind watches tables of PostgreSQL and monitoring signals, trains a model
anew when a trigger fires, judges the candidate against the model in
production on the same fresh rows, and promotes the winner to a registry in
PostgreSQL. It is configured in TOML, and asked in SQL what it did.
.
This package holds the daemon, which is also the tool, and its units for
systemd.")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_VERSION ${RETRAIND_PACKAGE_VERSION})
set(CPACK_DEBIAN_PACKAGE_MAINTAINER ${RETRAIND_MAINTAINER})
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
# What the linker does not see: workers open libxgboost at run time, time zones come from the system's database, and the
# unit and the maintainer scripts run programs.
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS
  "libxgboost0, tzdata, procps, init-system-helpers (>= 1.54), systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS postgresql-client)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/postinst ${debian}/prerm ${debian}/postrm)
include(CPack)
