# musl for the program: a static program that is linked with glibc has a millisecond of its start behind it on a virtual
# machine before main() begins, one with musl a tenth of that (docs/decisions/0017). Only bin/sbx is; what it is made of
# is compiled twice then, as tests, libsbx and sbx-scope stay with the system's library.
#
# SBX_USES_MUSL, sbx_musl (how a source is compiled for it), sbx_link_musl(PROGRAM).
set(SBX_MUSL AUTO CACHE STRING "Link the static program with musl: AUTO (where it can be) ON OFF")
set(SBX_USES_MUSL FALSE)
set(musl_directory /usr/lib/${CMAKE_SYSTEM_PROCESSOR}-linux-musl)
set(musl_can FALSE)
if(SBX_OS STREQUAL "linux" AND SBX_STATIC AND NOT SBX_SANITIZE AND NOT CMAKE_CROSSCOMPILING
   AND SBX_START_LINK # where the program begins with what musl leaves out (harness/base/linux/start.c)
   AND CMAKE_C_COMPILER_ID STREQUAL "GNU" AND EXISTS ${musl_directory}/rcrt1.o)
    set(musl_can TRUE)
endif()
if(SBX_MUSL STREQUAL "ON" AND NOT musl_can)
    message(FATAL_ERROR "SBX_MUSL=ON needs gcc, x86-64 or aarch64, a static program without sanitizers, and "
        "${musl_directory}/rcrt1.o (Debian: musl-tools)")
elseif(SBX_MUSL STREQUAL "OFF" OR NOT musl_can)
    return()
endif()

# Its jansson and libsodium. Without a network AUTO does without musl.
include(debian_source)
if(SBX_MUSL STREQUAL "AUTO")
    set(SBX_SOURCES_OPTIONAL TRUE)
endif()
sbx_jansson_source(jansson_source)
sbx_sodium_source(sodium_source)
set(SBX_SOURCES_OPTIONAL FALSE)
if(NOT jansson_source OR NOT sodium_source)
    message(WARNING "sbx is linked with the system's C library instead of musl, for want of the above: it starts slower. "
        "-DSBX_MUSL=OFF says so on purpose.")
    return()
endif()
set(SBX_USES_MUSL TRUE)
execute_process(COMMAND ${musl_directory}/libc.so RESULT_VARIABLE result ERROR_VARIABLE text OUTPUT_QUIET)
string(REGEX MATCH "Version ([0-9.]+)" SBX_MUSL_VERSION "${text}")
set(SBX_MUSL_VERSION "${CMAKE_MATCH_1}")
message(STATUS "sbx: linked with musl ${SBX_MUSL_VERSION}")

# Its own headers instead of glibc's; the kernel's are the system's, which lie among glibc's.
set(musl_kernel ${CMAKE_BINARY_DIR}/musl/include)
file(MAKE_DIRECTORY ${musl_kernel})
foreach(each linux asm-generic mtd)
    file(CREATE_LINK /usr/include/${each} ${musl_kernel}/${each} SYMBOLIC)
endforeach()
if(EXISTS /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}/asm)
    file(CREATE_LINK /usr/include/${CMAKE_C_LIBRARY_ARCHITECTURE}/asm ${musl_kernel}/asm SYMBOLIC)
else()
    file(CREATE_LINK /usr/include/asm ${musl_kernel}/asm SYMBOLIC)
endif()
add_library(sbx_musl_flags INTERFACE)
target_compile_definitions(sbx_musl_flags INTERFACE SBX_MUSL_VERSION="${SBX_MUSL_VERSION}")
target_compile_options(sbx_musl_flags INTERFACE -specs=${musl_directory}/musl-gcc.specs
    "SHELL:-idirafter ${musl_kernel}" -ffunction-sections -fdata-sections
    # Its ioctl() takes an int, its lengths are POSIX's, where glibc has the kernel's types.
    -Wno-overflow -Wno-conversion -Wno-sign-conversion)

add_library(sbx_musl INTERFACE)
target_link_libraries(sbx_musl INTERFACE sbx_musl_flags)
sbx_add_jansson(musl_jansson)
sbx_add_sodium(musl_sodium)
foreach(each musl_jansson musl_sodium)
    target_link_libraries(${each} PRIVATE sbx_musl_flags)
    target_include_directories(sbx_musl SYSTEM INTERFACE $<TARGET_PROPERTY:${each},INTERFACE_INCLUDE_DIRECTORIES>)
endforeach()

# What gcc would link around a static program, with musl's parts. Its allocator takes its pages from us (musl.c).
function(sbx_link_musl program)
    foreach(each crtbeginS.o crtendS.o libgcc.a libgcc_eh.a)
        execute_process(COMMAND ${CMAKE_C_COMPILER} -print-file-name=${each}
            OUTPUT_VARIABLE path OUTPUT_STRIP_TRAILING_WHITESPACE)
        set(${each} ${path})
    endforeach()
    if(SBX_PIE)
        set(kind -static-pie)
        set(first ${musl_directory}/rcrt1.o)
    else()
        set(kind -static)
        set(first ${musl_directory}/crt1.o)
    endif()
    target_link_options(${program} PRIVATE ${kind} -nostdlib ${SBX_START_LINK} LINKER:--gc-sections
        LINKER:--wrap=__mmap,--wrap=munmap,--wrap=__mremap,--wrap=open
        ${first} ${musl_directory}/crti.o ${crtbeginS.o})
    target_link_libraries(${program} PRIVATE musl_sodium -Wl,--start-group ${musl_directory}/libc.a ${libgcc.a}
        ${libgcc_eh.a} -Wl,--end-group ${crtendS.o} ${musl_directory}/crtn.o)
endfunction()
