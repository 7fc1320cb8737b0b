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

# cistern.pc has the modules; cistern-<backend>.pc adds a foreign backend. They name what lies around them, so that an
# installation may be moved, and `cmake --install --prefix` may name another place than was configured.
file(RELATIVE_PATH PC_UP ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" PC_UP "${PC_UP}")
function(cistern_pkg_config name description requires cflags libs)
  set(PC_NAME ${name})
  set(PC_DESCRIPTION ${description})
  set(PC_REQUIRES ${requires})
  set(PC_CFLAGS ${cflags})
  set(PC_LIBS ${libs})
  configure_file(${CMAKE_CURRENT_FUNCTION_LIST_DIR}/cistern.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
endfunction()

# What a program needs to have a foreign backend: flags for the compiler, and for the linker.
function(cistern_pkg_config_flags backend cflags_result libs_result)
  string(TOUPPER ${backend} upper)
  set(cflags "-DCISTERN_WITH_${upper}=1")
  if(BUILD_SHARED_LIBS)  # in one word: pkg-config leaves out words that it has seen
    set(libs "-Wl,--push-state,--no-as-needed,-lcistern_${backend},--pop-state")
  else()
    set(libs "-Wl,--undefined=cistern_backend_${backend} -lcistern_${backend}")
  endif()
  if(TARGET cistern_${backend}_shim)
    string(APPEND cflags " -DCISTERN_${upper}_SHIM=1")
    string(APPEND libs " -lcistern_${backend}_shim")
  endif()
  set(${cflags_result} ${cflags} PARENT_SCOPE)
  set(${libs_result} ${libs} PARENT_SCOPE)
endfunction()

set(cflags "")
set(libs "")
if(TARGET cistern_${CISTERN_DEFAULT_BACKEND})
  cistern_pkg_config_flags(${CISTERN_DEFAULT_BACKEND} cflags libs)
endif()
foreach(module workers pools allocators)
  get_target_property(type cistern_${module} TYPE)
  if(NOT type STREQUAL INTERFACE_LIBRARY)
    string(APPEND libs " -lcistern_${module}")
  endif()
endforeach()
cistern_pkg_config(cistern "${PROJECT_DESCRIPTION}" "" "${cflags}" "${libs} -pthread")

if(TARGET cistern_uring)
  cistern_pkg_config(cistern-uring "Buffers of cistern for io_uring" "cistern, liburing" "" "-lcistern_uring")
endif()
foreach(backend ${CISTERN_BACKENDS_FOUND})
  cistern_pkg_config_flags(${backend} cflags libs)
  cistern_pkg_config(cistern-${backend} "The ${backend} backend of cistern" cistern "${cflags}" "${libs}")
endforeach()
