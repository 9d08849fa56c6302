# sbx_flags: how every source of ours is compiled and linked.
set(CMAKE_C_STANDARD 17)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(SBX_OS STREQUAL "linux")
    set(THREADS_PREFER_PTHREAD_FLAG ON)
    find_package(Threads REQUIRED)
else()
    add_library(Threads::Threads INTERFACE IMPORTED) # the system's own, which need no library
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug, RelWithDebInfo" FORCE)
endif()
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(sbx_flags INTERFACE)
target_include_directories(sbx_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_link_libraries(sbx_flags INTERFACE Threads::Threads)
if(SBX_OS STREQUAL "linux")
    target_compile_definitions(sbx_flags INTERFACE _GNU_SOURCE _FILE_OFFSET_BITS=64)
else()
    # Windows 10 1809 and later: atomic job lists, pseudo consoles. C's own formats (%zu) in snprintf().
    target_compile_definitions(sbx_flags INTERFACE _WIN32_WINNT=0x0A00 NTDDI_VERSION=0x0A000006
        UNICODE _UNICODE WIN32_LEAN_AND_MEAN __USE_MINGW_ANSI_STDIO=1)
endif()
if(MSVC) # cl.exe and clang-cl: written from their documents, not compiled by anybody yet
    target_compile_definitions(sbx_flags INTERFACE _CRT_SECURE_NO_WARNINGS _CRT_NONSTDC_NO_WARNINGS)
    target_compile_options(sbx_flags INTERFACE /W4 /utf-8 /guard:cf $<$<BOOL:${SBX_WERROR}>:/WX>)
    target_link_options(sbx_flags INTERFACE /guard:cf /CETCOMPAT /DYNAMICBASE /HIGHENTROPYVA /NXCOMPAT)
else()
    target_compile_options(sbx_flags INTERFACE
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla
        -Wformat=2 -Wundef -Wimplicit-fallthrough $<$<BOOL:${SBX_WERROR}>:-Werror>
        $<$<C_COMPILER_ID:Clang>:-Wno-sign-conversion>) # clang's -Wconversion counts enums as unsigned
endif()

if(SBX_SANITIZE)
    if(SBX_STATIC)
        message(FATAL_ERROR "Sanitizers need their shared runtime: add -DSBX_STATIC=OFF")
    endif()
    target_compile_options(sbx_flags INTERFACE
        -fsanitize=${SBX_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(sbx_flags INTERFACE -fsanitize=${SBX_SANITIZE})
elseif(CMAKE_BUILD_TYPE MATCHES "^Rel|^MinSize" AND NOT MSVC)
    # The set of the OpenSSF guide. -U first: a distribution's own setting would be a redefinition.
    target_compile_options(sbx_flags INTERFACE
        -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong)
    if(SBX_OS STREQUAL "linux")
        target_compile_options(sbx_flags INTERFACE -fstack-clash-protection)
        target_link_options(sbx_flags INTERFACE LINKER:-z,relro,-z,now,-z,noexecstack)
    elseif(MINGW)
        target_link_options(sbx_flags INTERFACE -fstack-protector-strong # its library
            LINKER:--dynamicbase,--nxcompat,--high-entropy-va)
    endif()
    if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        target_compile_options(sbx_flags INTERFACE -fcf-protection)
    endif()
endif()

# What turns a program into a static one. A static PIE keeps address randomisation, and relocates itself at
# each start: packed relocations make that cheaper where linker and C library know them.
set(SBX_STATIC_LINK "")
if(MINGW)
    set(SBX_STATIC_LINK -static) # no libssp-0.dll beside the program
elseif(SBX_STATIC)
    include(CheckCSourceCompiles)
    set(CMAKE_REQUIRED_FLAGS "-static-pie -fPIE")
    check_c_source_compiles("int main(void) { return 0; }" SBX_HAS_STATIC_PIE)
    set(CMAKE_REQUIRED_FLAGS "-static-pie -fPIE -Wl,-z,pack-relative-relocs -Wl,--fatal-warnings")
    check_c_source_compiles("int main(void) { return 0; }" SBX_HAS_PACKED_RELOCATIONS)
    unset(CMAKE_REQUIRED_FLAGS)
    if(NOT SBX_PIE OR NOT SBX_HAS_STATIC_PIE)
        set(SBX_STATIC_LINK -static)
    elseif(SBX_HAS_PACKED_RELOCATIONS)
        set(SBX_STATIC_LINK -static-pie LINKER:-z,pack-relative-relocs)
    else()
        set(SBX_STATIC_LINK -static-pie)
    endif()
endif()

# The program's first instruction is its own (harness/base/linux/start.c), on the processors that it is written for.
set(SBX_START_LINK "")
if(SBX_STATIC AND CMAKE_SYSTEM_NAME STREQUAL "Linux" AND CMAKE_SIZEOF_VOID_P EQUAL 8
   AND CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|aarch64)$")
    set(SBX_START_LINK LINKER:-e,sbx_start)
endif()
set_source_files_properties(${CMAKE_SOURCE_DIR}/harness/base/linux/start.c PROPERTIES
    COMPILE_OPTIONS -fno-stack-protector) # runs before there is a thread to keep a guard in
