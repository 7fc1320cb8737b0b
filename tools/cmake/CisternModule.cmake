# SPDX-License-Identifier: MIT
# How a library of cistern is built: one function for the modules, one for the install rules of any target.
include_guard()
include(GNUInstallDirs)

# Everything that a target compiled here has in common.
function(cistern_target_options target)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    return()
  endif()
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF CXX_VISIBILITY_PRESET hidden
                                             VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PRIVATE cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wconversion -Wshadow $<$<BOOL:${CISTERN_DEVELOPER}>:-Werror>)
  # g++ 12 sees overlaps in std::string's operator+ that cannot be (its bug 105651).
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict)
  endif()
  if(CISTERN_SANITIZE)
    target_compile_options(${target} PRIVATE -fsanitize=${CISTERN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    if(type STREQUAL EXECUTABLE OR type STREQUAL SHARED_LIBRARY OR type STREQUAL MODULE_LIBRARY)
      target_link_options(${target} PRIVATE -fsanitize=${CISTERN_SANITIZE})
    endif()
  endif()
endfunction()

function(cistern_install target)
  if(CISTERN_INSTALL)
    get_target_property(sets ${target} INTERFACE_HEADER_SETS)
    if(sets)
      set(headers FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
    endif()
    install(TARGETS ${target} EXPORT cistern-targets ${headers}
            ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}
            RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# What a library that users link has in common: its name, its version, and that it is never unloaded
# (thread-local destructors and fork handlers point into it).
function(cistern_library target name)
  add_library(cistern::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  cistern_target_options(${target})
  get_target_property(type ${target} TYPE)
  if(type STREQUAL SHARED_LIBRARY)
    set_target_properties(${target} PROPERTIES VERSION ${PROJECT_VERSION}
                          SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
    target_link_options(${target} PRIVATE LINKER:-z,nodelete)
    # Libraries of cistern that this one needs lie beside it; a foreign one may lie where nobody looks by default.
    set_target_properties(${target} PROPERTIES INSTALL_RPATH "$ORIGIN" INSTALL_RPATH_USE_LINK_PATH ON)
  endif()
  cistern_install(${target})
endfunction()

# cistern_module(<name> [DEPENDS <target>...])
#
# The library cistern::<name> out of this folder: public headers from include/cistern/<name>, sources from src.
# Each module has its own include root, so that a header of a module it does not depend on is not found.
# A module without sources is an interface library.
function(cistern_module name)
  cmake_parse_arguments(arg "" "" "DEPENDS" ${ARGN})
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS include/cistern/${name}/*.hpp)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS src/*.cpp)
  set(target cistern_${name})
  if(sources)
    add_library(${target} ${sources})
    set(scope PUBLIC)
    target_include_directories(${target} PRIVATE src)
  else()
    add_library(${target} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS include FILES ${headers})
  target_compile_features(${target} ${scope} cxx_std_20)
  target_link_libraries(${target} ${scope} ${arg_DEPENDS})
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  cistern_library(${target} ${name})
endfunction()
