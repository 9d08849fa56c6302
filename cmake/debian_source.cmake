# Sources of the libraries that a program brings with it which is not linked with the system's: jansson and libsodium,
# and cmocka for the tests of Windows.
#
# mingw-w64 and musl have no packages of them, so they are built here, from the upstream archive inside Debian's source
# package. It is fetched by apt as the machine has it configured (scripts/fetch-debian-source.sh), pinned by
# SHA-256, kept beside SQLite in the cache and never committed. Without a network:
# -DSBX_JANSSON_DIR=DIR, -DSBX_LIBSODIUM_DIR=DIR and -DSBX_CMOCKA_DIR=DIR, each with the unpacked sources.
set(SBX_JANSSON_DIR "" CACHE PATH "Unpacked sources of jansson, instead of fetching them")
set(SBX_LIBSODIUM_DIR "" CACHE PATH "Unpacked sources of libsodium, instead of fetching them")
set(SBX_CMOCKA_DIR "" CACHE PATH "Unpacked sources of cmocka, instead of fetching them")

# Sets out to the unpacked sources. given: a directory that the caller named, or empty. Where SBX_SOURCES_OPTIONAL is set
# and they cannot be had, out is empty and a warning says why.
function(sbx_debian_source out package version file sha256 given)
    if(given)
        set(${out} "${given}" PARENT_SCOPE)
        return()
    endif()
    sbx_sqlite_cache(cache)
    set(archive "${cache}/${file}")
    file(LOCK "${cache}/.lock" GUARD FUNCTION TIMEOUT 300)
    set(hash "")
    if(EXISTS "${archive}")
        file(SHA256 "${archive}" hash)
    endif()
    if(NOT hash STREQUAL sha256)
        message(STATUS "${package} ${version}: fetching Debian's source package")
        execute_process(
            COMMAND ${CMAKE_SOURCE_DIR}/scripts/fetch-debian-source.sh ${package} ${file} "${cache}"
            RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
        if(NOT result EQUAL 0)
            string(TOUPPER ${package} name)
            set(severity FATAL_ERROR)
            if(SBX_SOURCES_OPTIONAL)
                set(severity WARNING)
            endif()
            message(${severity} "${package} ${version} could not be fetched:\n${output}\n"
                "Give -DSBX_${name}_DIR=DIR with its unpacked sources.")
            set(${out} "" PARENT_SCOPE)
            return()
        endif()
        file(SHA256 "${archive}" hash)
        if(NOT hash STREQUAL sha256)
            file(REMOVE "${archive}")
            message(FATAL_ERROR "${package} ${version}: ${file} is not the archive that was pinned."
                "\n  expected ${sha256}\n  got      ${hash}")
        endif()
    endif()
    file(ARCHIVE_EXTRACT INPUT "${archive}" DESTINATION ${CMAKE_BINARY_DIR}/sources)
    set(${out} ${CMAKE_BINARY_DIR}/sources/${package}-${version} PARENT_SCOPE)
endfunction()

macro(sbx_jansson_source out)
    sbx_debian_source(${out} jansson 2.14 jansson_2.14.orig.tar.gz
        c739578bf6b764aa0752db9a2fdadcfe921c78f1228c7ec0bb47fa804c55d17b "${SBX_JANSSON_DIR}")
endmacro()

macro(sbx_sodium_source out)
    sbx_debian_source(${out} libsodium 1.0.18 libsodium_1.0.18.orig.tar.gz
        d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4 "${SBX_LIBSODIUM_DIR}")
endmacro()

# What its configure script would find out, about mingw-w64 and about musl.
function(sbx_add_jansson name)
    sbx_jansson_source(jansson_dir)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/jansson/jansson_config.h CONTENT
        "#ifndef JANSSON_CONFIG_H\n#define JANSSON_CONFIG_H\n\
#define JSON_INLINE inline\n#define JSON_INTEGER_IS_LONG_LONG 1\n#define JSON_HAVE_LOCALECONV 1\n\
#define JSON_HAVE_ATOMIC_BUILTINS 1\n#define JSON_HAVE_SYNC_BUILTINS 1\n\
#define JSON_PARSER_MAX_DEPTH 2048\n#endif\n" @ONLY)
    file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/jansson/jansson_private_config.h CONTENT
        "#define HAVE_FCNTL_H 1\n#define HAVE_SYS_STAT_H 1\n#define HAVE_SYS_TIME_H 1\n#define HAVE_SYS_TYPES_H 1\n\
#define HAVE_STDINT_H 1\n#define HAVE_GETPID 1\n#define HAVE_GETTIMEOFDAY 1\n#define HAVE_ATOMIC_BUILTINS 1\n\
#define INITIAL_HASHTABLE_ORDER 3\n" @ONLY)
    file(GLOB sources ${jansson_dir}/src/*.c)
    add_library(${name} OBJECT ${sources})
    target_compile_definitions(${name} PRIVATE HAVE_CONFIG_H=1 NDEBUG)
    target_compile_options(${name} PRIVATE -O2 -w)
    target_include_directories(${name} PUBLIC ${jansson_dir}/src ${CMAKE_BINARY_DIR}/jansson)
endfunction()

# Portable C, without the variants for newer processors: what is used of it is Ed25519, which has none. The linker
# takes what is needed out of the library.
function(sbx_add_sodium name)
    sbx_sodium_source(libsodium_dir)
    set(include ${CMAKE_BINARY_DIR}/libsodium/include)
    file(READ ${libsodium_dir}/src/libsodium/include/sodium/version.h.in text)
    string(REPLACE "@VERSION@" "1.0.18" text "${text}")
    string(REPLACE "@SODIUM_LIBRARY_VERSION_MAJOR@" "10" text "${text}")
    string(REPLACE "@SODIUM_LIBRARY_VERSION_MINOR@" "3" text "${text}")
    string(REPLACE "@SODIUM_LIBRARY_MINIMAL_DEF@" "" text "${text}")
    file(CONFIGURE OUTPUT ${include}/sodium/version.h CONTENT "${text}" @ONLY)
    file(COPY ${libsodium_dir}/src/libsodium/include/sodium/export.h DESTINATION ${include}/sodium)
    file(GLOB_RECURSE sources ${libsodium_dir}/src/libsodium/*.c)
    add_library(${name} STATIC ${sources})
    target_compile_definitions(${name} PUBLIC SODIUM_STATIC=1 PRIVATE CONFIGURED=1 NATIVE_LITTLE_ENDIAN=1
        HAVE_TI_MODE=1 HAVE_STDINT_H=1 NDEBUG
        $<$<STREQUAL:${SBX_OS},linux>:HAVE_GETRANDOM=1;HAVE_SYS_RANDOM_H=1;HAVE_EXPLICIT_BZERO=1>)
    target_compile_options(${name} PRIVATE -O2 -w)
    target_include_directories(${name} PUBLIC ${libsodium_dir}/src/libsodium/include ${include} # its own go first
        PRIVATE ${libsodium_dir}/src/libsodium/include/sodium ${include}/sodium)
endfunction()

function(sbx_add_cmocka name)
    sbx_debian_source(cmocka_dir cmocka 1.1.5 cmocka_1.1.5.orig.tar.xz
        f0ccd8242d55e2fd74b16ba518359151f6f8383ff8aef4976e48393f77bba8b6 "${SBX_CMOCKA_DIR}")
    add_library(${name} STATIC ${cmocka_dir}/src/cmocka.c)
    target_compile_definitions(${name} PUBLIC CMOCKA_STATIC PRIVATE __USE_MINGW_ANSI_STDIO=1)
    target_compile_options(${name} PRIVATE -O2 -w)
    target_include_directories(${name} PUBLIC ${cmocka_dir}/include)
endfunction()
