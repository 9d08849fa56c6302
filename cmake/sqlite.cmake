# SQLite, compiled in: one known version with one known set of options.
#
# 3.51.3 at least. Before it, two processes that write and checkpoint a WAL database at the same moment could
# both reset the log, and the database was corrupt (the WAL-reset race). Many sbx processes write one audit
# database, and Debian 12 ships 3.40.1, so the system's SQLite is never used.
#
# The amalgamation is never committed. It comes, pinned by version and SHA-256, out of an npm package that
# carries it, through the npm client as the machine has it configured, and is kept in
# ${SBX_CACHE_DIR:-${XDG_CACHE_HOME:-~/.cache}/sbx}. Without a network: -DSBX_SQLITE_DIR=DIR, with
# sqlite3.c and sqlite3.h in DIR; their hash is the caller's business, their version is checked all the same.
set(SBX_SQLITE_DIR "" CACHE PATH "Directory with sqlite3.c and sqlite3.h, instead of fetching them")
set(SBX_CACHE_DIR "" CACHE PATH "Where fetched sources are kept")

set(sqlite_minimum 3051003)
set(sqlite_version 3.53.2)
set(sqlite_package better-sqlite3@12.11.1)
set(sqlite_tarball_sha256 ebf0ed75a7a59dbcb3b24bbd014ef49d9f15bc328e4adcbf516f2a8fadfa2835)
set(sqlite_c_sha256 60d2f39a3726cd6b9021da6f4e868608d66fbb6528a9f513dc8ffcc640493422)
set(sqlite_h_sha256 9e69a1353a4288450b0d5239ede11fc7f1f4c8e5eb07491fc8317eacb5b7de7e)

# Sets out to TRUE where directory holds exactly the pinned files.
function(sbx_sqlite_is_pinned out directory)
    set(${out} FALSE PARENT_SCOPE)
    if(EXISTS ${directory}/sqlite3.c AND EXISTS ${directory}/sqlite3.h)
        file(SHA256 ${directory}/sqlite3.c c)
        file(SHA256 ${directory}/sqlite3.h h)
        if(c STREQUAL sqlite_c_sha256 AND h STREQUAL sqlite_h_sha256)
            set(${out} TRUE PARENT_SCOPE)
        endif()
    endif()
endfunction()

# Sets out to a directory of ours that can be written: the cache, or the build tree where there is none.
function(sbx_sqlite_cache out)
    set(cache "${SBX_CACHE_DIR}")
    if(NOT cache AND NOT "$ENV{SBX_CACHE_DIR}" STREQUAL "")
        set(cache "$ENV{SBX_CACHE_DIR}")
    endif()
    if(NOT cache AND NOT "$ENV{XDG_CACHE_HOME}" STREQUAL "")
        set(cache "$ENV{XDG_CACHE_HOME}/sbx")
    endif()
    if(NOT cache AND NOT "$ENV{HOME}" STREQUAL "")
        set(cache "$ENV{HOME}/.cache/sbx")
    endif()
    execute_process(COMMAND ${CMAKE_COMMAND} -E make_directory "${cache}"
        RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    if(result EQUAL 0)
        execute_process(COMMAND ${CMAKE_COMMAND} -E touch "${cache}/.lock"
            RESULT_VARIABLE result OUTPUT_QUIET ERROR_QUIET)
    endif()
    if(NOT cache OR NOT result EQUAL 0)
        set(cache ${CMAKE_BINARY_DIR}/cache)
        file(MAKE_DIRECTORY ${cache})
    endif()
    set(${out} "${cache}" PARENT_SCOPE)
endfunction()

# Fetches the package into scratch and unpacks it there; fails the configuration where that goes wrong.
function(sbx_sqlite_fetch scratch)
    find_program(SBX_NPM npm)
    if(NOT SBX_NPM)
        message(FATAL_ERROR "SQLite ${sqlite_version} has to be fetched, and there is no npm. Install it "
            "(scripts/setup-deps.sh), or give -DSBX_SQLITE_DIR=DIR with sqlite3.c and sqlite3.h.")
    endif()
    message(STATUS "SQLite ${sqlite_version}: fetching ${sqlite_package}")
    execute_process(COMMAND ${SBX_NPM} pack ${sqlite_package} --silent
        WORKING_DIRECTORY ${scratch}
        RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
    file(GLOB tarball ${scratch}/*.tgz)
    if(NOT result EQUAL 0 OR NOT tarball)
        message(FATAL_ERROR "SQLite ${sqlite_version}: `npm pack ${sqlite_package}` failed:\n${output}\n"
            "Without a network, give -DSBX_SQLITE_DIR=DIR with sqlite3.c and sqlite3.h.")
    endif()
    file(SHA256 ${tarball} hash)
    if(NOT hash STREQUAL sqlite_tarball_sha256)
        message(FATAL_ERROR "SQLite ${sqlite_version}: ${sqlite_package} is not the package that was pinned."
            "\n  expected ${sqlite_tarball_sha256}\n  got      ${hash}")
    endif()
    file(ARCHIVE_EXTRACT INPUT ${tarball} DESTINATION ${scratch} PATTERNS package/deps/sqlite3/*)
endfunction()

# Sets out to the directory with the pinned sources. Several builds may want them at once.
function(sbx_sqlite_find out)
    sbx_sqlite_cache(cache)
    set(kept "${cache}/sqlite-${sqlite_version}")
    file(LOCK "${cache}/.lock" GUARD FUNCTION TIMEOUT 300)
    sbx_sqlite_is_pinned(is_pinned "${kept}")
    if(NOT is_pinned)
        set(scratch ${CMAKE_BINARY_DIR}/fetch)
        file(REMOVE_RECURSE ${scratch} "${kept}")
        file(MAKE_DIRECTORY ${scratch} "${kept}")
        sbx_sqlite_fetch(${scratch})
        file(COPY ${scratch}/package/deps/sqlite3/sqlite3.c ${scratch}/package/deps/sqlite3/sqlite3.h
            DESTINATION "${kept}")
        file(REMOVE_RECURSE ${scratch})
        sbx_sqlite_is_pinned(is_pinned "${kept}")
        if(NOT is_pinned)
            message(FATAL_ERROR "SQLite ${sqlite_version}: what ${sqlite_package} carries is not what was pinned")
        endif()
    endif()
    set(${out} "${kept}" PARENT_SCOPE)
endfunction()

if(SBX_SQLITE_DIR)
    set(sqlite_found "${SBX_SQLITE_DIR}")
else()
    sbx_sqlite_find(sqlite_found)
endif()
foreach(name sqlite3.c sqlite3.h)
    if(NOT EXISTS "${sqlite_found}/${name}")
        message(FATAL_ERROR "SBX_SQLITE_DIR=${sqlite_found} has no ${name}")
    endif()
endforeach()

file(STRINGS "${sqlite_found}/sqlite3.h" line REGEX "^#define SQLITE_VERSION_NUMBER +[0-9]+" LIMIT_COUNT 1)
string(REGEX MATCH "[0-9]+$" number "${line}")
if(NOT number OR number LESS sqlite_minimum)
    message(FATAL_ERROR "SQLite in ${sqlite_found} is too old (version number \"${number}\", needed is "
        "${sqlite_minimum}, 3.51.3). Versions before it have the WAL-reset race: two processes that write one "
        "WAL database can corrupt it, and many sbx processes write one audit database.")
endif()

# A copy in the build tree: the cache may be cleared, and `sbx exec` is shown on this file.
set(SBX_SQLITE_SOURCE_DIR ${CMAKE_BINARY_DIR}/sqlite)
file(MAKE_DIRECTORY ${SBX_SQLITE_SOURCE_DIR})
foreach(name sqlite3.c sqlite3.h)
    file(COPY_FILE "${sqlite_found}/${name}" ${SBX_SQLITE_SOURCE_DIR}/${name} ONLY_IF_DIFFERENT)
endforeach()
message(STATUS "SQLite: version number ${number}")

# Always -O2, never sanitized, warnings off: it is not ours, and it is tested better than we could.
function(sbx_add_sqlite name)
    add_library(${name} OBJECT ${SBX_SQLITE_SOURCE_DIR}/sqlite3.c)
    target_compile_options(${name} PRIVATE -O2 -w)
    target_compile_definitions(${name} PRIVATE
        NDEBUG
        SQLITE_THREADSAFE=2            # one connection is used by one thread at a time
        SQLITE_DQS=0                   # "x" is a name and never a string
        SQLITE_DEFAULT_MEMSTATUS=0
        SQLITE_DEFAULT_LOOKASIDE=0,0   # memory that is set up but hardly used costs page faults at each start
        SQLITE_DEFAULT_PCACHE_INITSZ=0
        SQLITE_LIKE_DOESNT_MATCH_BLOBS
        SQLITE_OMIT_DEPRECATED
        SQLITE_OMIT_LOAD_EXTENSION     # no way to run code from a file
        SQLITE_OMIT_SHARED_CACHE
        SQLITE_USE_ALLOCA
        $<$<STREQUAL:${SBX_OS},linux>:HAVE_FDATASYNC=1;HAVE_USLEEP=1;HAVE_LOCALTIME_R=1;HAVE_GMTIME_R=1;HAVE_STRCHRNUL=1;USE_PREAD64=1;_GNU_SOURCE>)
    target_link_libraries(${name} PRIVATE Threads::Threads)
endfunction()
sbx_add_sqlite(sbx_sqlite)

add_library(sbx_sqlite_headers INTERFACE)
target_include_directories(sbx_sqlite_headers SYSTEM INTERFACE ${SBX_SQLITE_SOURCE_DIR})
