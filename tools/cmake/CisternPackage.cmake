# SPDX-License-Identifier: MIT
# What other projects find after an install: a CMake package with components, and pkg-config files.
include(CMakePackageConfigHelpers)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/cistern)
install(EXPORT cistern-targets NAMESPACE cistern:: DESTINATION ${package})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/cistern-config.cmake.in
                              ${PROJECT_BINARY_DIR}/cistern-config.cmake INSTALL_DESTINATION ${package})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cistern-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cistern-config.cmake ${PROJECT_BINARY_DIR}/cistern-config-version.cmake
        DESTINATION ${package})

# cistern.pc has the modules; cistern-<backend>.pc adds a foreign backend.
function(cistern_pkg_config name description requires cflags libs)
  set(PC_NAME ${name})
  set(PC_DESCRIPTION ${description})
  set(PC_REQUIRES ${requires})
  set(PC_CFLAGS ${cflags})
  set(PC_LIBS ${libs})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/cistern.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

set(libraries "")
foreach(module workers pools allocators)
  get_target_property(type cistern_${module} TYPE)
  if(NOT type STREQUAL INTERFACE_LIBRARY)
    string(APPEND libraries " -lcistern_${module}")
  endif()
endforeach()
cistern_pkg_config(cistern "${PROJECT_DESCRIPTION}" "" "" "${libraries} -pthread")

foreach(backend ${CISTERN_BACKENDS_FOUND})
  set(cflags "")
  set(libraries "-Wl,--undefined=cistern_backend_${backend} -lcistern_${backend}")
  if(TARGET cistern_${backend}_shim)
    string(TOUPPER ${backend} upper)
    set(cflags "-DCISTERN_${upper}_SHIM=1")
    string(APPEND libraries " -lcistern_${backend}_shim")
  endif()
  get_target_property(more cistern_${backend} CISTERN_PKG_CONFIG_LIBS)
  if(more)
    string(APPEND libraries " ${more}")
  endif()
  cistern_pkg_config(cistern-${backend} "The ${backend} backend of cistern" cistern "${cflags}" "${libraries}")
endforeach()
