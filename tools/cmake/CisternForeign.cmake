# SPDX-License-Identifier: MIT
# How an allocator of another project is linked beside malloc and not in its place.
#
# Debian's packages of jemalloc, mimalloc and tcmalloc all define malloc: an executable that names one of them hands it
# the process's malloc and operator new. Two ways out, in this order:
#
# relink  A static archive is linked into one relocatable object (ld -r), the functions that we call are renamed to
#         cistern_..., and every other symbol is made local. No PLT, no clash. Not under sanitizers, which jemalloc's
#         static build does not survive, and for a shared build of cistern only where the archive's name says that it
#         is position independent.
# shim    A shared library of ours alone names the foreign one; the executable names the shim. Symbol lookup is
#         breadth-first, so the C library's malloc comes first.
#
# Neither leaves a foreign library in the interface that cistern exports: a relinked object is part of our archive, and
# a shim names its library privately. So TBB's, which would do no harm, goes behind a shim as well.
include_guard()

# By name, for beside Clang CMake takes LLVM's tools, which cannot do what cistern_relink asks for: lld knows no
# --force-group-allocation.
find_program(CISTERN_GNU_LD NAMES ld.bfd ld)
find_program(CISTERN_GNU_OBJCOPY NAMES objcopy)
mark_as_advanced(CISTERN_GNU_LD CISTERN_GNU_OBJCOPY)

# The text before PREFIX_OF among the symbols that a library defines: "" for most, "je_" for a prefixed jemalloc.
function(cistern_foreign_prefix file symbol result)
  if(file MATCHES "\\.(a|o)$")
    set(dynamic "")
  else()
    set(dynamic --dynamic)
  endif()
  execute_process(COMMAND ${CMAKE_NM} ${dynamic} --defined-only ${file} OUTPUT_VARIABLE symbols ERROR_QUIET)
  if(symbols MATCHES " [TW] ${symbol}(@[^\n]*)?\n")
    set(${result} "" PARENT_SCOPE)
  elseif(symbols MATCHES " [TW] ([A-Za-z0-9_]*_)?${symbol}(@[^\n]*)?\n")
    set(${result} "${CMAKE_MATCH_1}" PARENT_SCOPE)
  else()
    set(${result} NOTFOUND PARENT_SCOPE)
  endif()
endfunction()

function(cistern_relink archive prefix object)
  cmake_parse_arguments(arg "" "OURS" "CALLS" ${ARGN})
  set(work ${CMAKE_CURRENT_BINARY_DIR}/relink)
  get_filename_component(stem ${object} NAME_WE)
  set(rename "")
  set(keep "")
  set(want "")
  foreach(call ${arg_CALLS})
    string(APPEND rename "${prefix}${call} ${arg_OURS}${call}\n")
    string(APPEND keep "${arg_OURS}${call}\n")
    list(APPEND want -u ${prefix}${call})
  endforeach()
  # objcopy does not make "unique" symbols (static members of C++ templates) local; names of our own must do.
  execute_process(COMMAND ${CMAKE_NM} --defined-only ${archive} OUTPUT_VARIABLE symbols ERROR_QUIET)
  string(REGEX MATCHALL " u [^\n]+" unique "${symbols}")
  list(REMOVE_DUPLICATES unique)
  foreach(symbol ${unique})
    string(SUBSTRING ${symbol} 3 -1 symbol)
    string(APPEND rename "${symbol} ${arg_OURS}${symbol}\n")
  endforeach()
  file(WRITE ${work}/${stem}.rename "${rename}")
  file(WRITE ${work}/${stem}.keep "${keep}")
  add_custom_command(
    OUTPUT ${object}
    COMMAND ${CISTERN_GNU_LD} -r --force-group-allocation ${want} -o ${work}/${stem}.all.o ${archive}
    COMMAND ${CISTERN_GNU_OBJCOPY} --redefine-syms=${work}/${stem}.rename ${work}/${stem}.all.o ${work}/${stem}.renamed.o
    COMMAND ${CISTERN_GNU_OBJCOPY} --keep-global-symbols=${work}/${stem}.keep ${work}/${stem}.renamed.o ${object}
    DEPENDS ${archive} ${work}/${stem}.rename ${work}/${stem}.keep
    COMMENT "Relinking ${archive} under names of our own"
    VERBATIM)
endfunction()

# cistern_foreign(<name> ARCHIVES <file>... LIBRARIES <name>... PREFIX_OF <symbol> OURS <prefix> CALLS <symbol>...
#                 SOURCES <file>...)
#
# The library cistern::<name> out of <name>/, if the allocator is installed. SOURCES are more files of <name>/ than
# <name>_backend.cpp; PREFIX_OF is a function by which a build with prefixed names is recognised; CALLS are the functions
# that <name>_calls.hpp declares. Who links the target sees CISTERN_WITH_<NAME>=1. Where an allocator is not found by
# itself, the cache variables CISTERN_<NAME>_ARCHIVE and CISTERN_<NAME>_LIBRARY name its files.
function(cistern_foreign name)
  cmake_parse_arguments(arg "" "PREFIX_OF;OURS" "ARCHIVES;LIBRARIES;CALLS;SOURCES" ${ARGN})
  if(NOT name IN_LIST CISTERN_BACKENDS)
    return()
  endif()
  string(TOUPPER ${name} upper)
  if(arg_ARCHIVES)
    find_library(CISTERN_${upper}_ARCHIVE NAMES ${arg_ARCHIVES})
  endif()
  find_library(CISTERN_${upper}_LIBRARY NAMES ${arg_LIBRARIES})
  mark_as_advanced(CISTERN_${upper}_ARCHIVE CISTERN_${upper}_LIBRARY)
  set(archive ${CISTERN_${upper}_ARCHIVE})
  set(library ${CISTERN_${upper}_LIBRARY})

  if(archive AND CISTERN_GNU_LD AND CISTERN_GNU_OBJCOPY AND NOT CISTERN_SANITIZE
     AND (NOT BUILD_SHARED_LIBS OR archive MATCHES "_pic\\.a$"))
    set(way relink)
    cistern_foreign_prefix(${archive} ${arg_PREFIX_OF} prefix)
  elseif(library)
    set(way shim)
    cistern_foreign_prefix(${library} ${arg_PREFIX_OF} prefix)
  else()
    message(STATUS "Backend ${name}: not installed")
    return()
  endif()
  if(prefix STREQUAL NOTFOUND)
    message(STATUS "Backend ${name}: ${archive} ${library} does not define ${arg_PREFIX_OF}; left out")
    return()
  endif()

  set(target cistern_${name})
  list(TRANSFORM arg_SOURCES PREPEND ${name}/)
  add_library(${target} ${name}/${name}_backend.cpp ${arg_SOURCES})
  target_link_libraries(${target} PUBLIC cistern::allocators)
  target_compile_definitions(${target} INTERFACE CISTERN_WITH_${upper}=1)
  target_link_options(${target} INTERFACE LINKER:--undefined=cistern_backend_${name})
  if(BUILD_SHARED_LIBS)
    # A program that uses the backend by name refers to nothing in it. For archives the option above is enough; a shared
    # library is dropped in spite of it by compilers that ask for --as-needed unless told, as Debian's g++ does.
    target_link_options(${target} INTERFACE LINKER:--no-as-needed)
  endif()
  if(way STREQUAL relink)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/relink/${name}.o)
    cistern_relink(${archive} "${prefix}" ${object} OURS ${arg_OURS} CALLS ${arg_CALLS})
    target_sources(${target} PRIVATE ${object})
    set_source_files_properties(${object} PROPERTIES EXTERNAL_OBJECT ON GENERATED ON)
    set_target_properties(${target} PROPERTIES CISTERN_FOREIGN_FILE ${archive})
    message(STATUS "Backend ${name}: ${archive}, relinked")
  else()
    set(shim cistern_${name}_shim)
    add_library(${shim} SHARED ${name}/${name}_shim.cpp)
    cistern_library(${shim} ${name}_shim)
    target_compile_definitions(${shim} PRIVATE CISTERN_${upper}_SHIM=2 CISTERN_FOREIGN_PREFIX=${prefix})
    target_include_directories(${shim} PRIVATE ${PROJECT_SOURCE_DIR}/allocators/include)
    target_link_libraries(${shim} PRIVATE ${library})
    target_compile_definitions(${target} PUBLIC CISTERN_${upper}_SHIM=1)
    target_link_libraries(${target} PUBLIC ${shim})
    set_target_properties(${target} PROPERTIES CISTERN_FOREIGN_FILE ${library})
    message(STATUS "Backend ${name}: ${library}, behind a shim")
  endif()
  cistern_library(${target} ${name})
  target_link_libraries(cistern_backends INTERFACE cistern::${name})
  list(APPEND CISTERN_BACKENDS_FOUND ${name})
  set(CISTERN_BACKENDS_FOUND ${CISTERN_BACKENDS_FOUND} PARENT_SCOPE)
endfunction()
