# sbx_add_trace(): sbx-trace.dll, which the runner gives to the processes of a run on 64-bit Windows. Without a C library,
# because it lives in programs that have another one: nothing is initialised, and its only imports are of
# kernel32.dll and ntdll.dll, which every such process has.
function(sbx_add_trace)
    if(NOT MINGW OR NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
        return()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/harness/target/windows/trace/*.c)
    add_library(sbx_trace SHARED ${sources} ${CMAKE_SOURCE_DIR}/audit/sources/windows/ring_put.c
        ${CMAKE_SOURCE_DIR}/harness/target/windows/trace_code.c
        ${CMAKE_SOURCE_DIR}/harness/target/windows/trace_inject.c
        ${CMAKE_SOURCE_DIR}/harness/target/windows/trace_socket.c)
    target_link_libraries(sbx_trace PRIVATE kernel32 ntdll)
    target_include_directories(sbx_trace PRIVATE ${CMAKE_SOURCE_DIR})
    target_compile_definitions(sbx_trace PRIVATE $<TARGET_PROPERTY:sbx_flags,INTERFACE_COMPILE_DEFINITIONS>)
    target_compile_options(sbx_trace PRIVATE $<TARGET_PROPERTY:sbx_flags,INTERFACE_COMPILE_OPTIONS>
        -U_FORTIFY_SOURCE -fno-stack-protector -ffreestanding) # what would ask for a C library
    target_link_options(sbx_trace PRIVATE -nostdlib LINKER:-e,DllMain LINKER:--exclude-all-symbols
        LINKER:--dynamicbase,--nxcompat,--high-entropy-va)
    set_target_properties(sbx_trace PROPERTIES PREFIX "" OUTPUT_NAME sbx-trace)
    if(TARGET sbx)
        add_dependencies(sbx sbx_trace)
    endif()
endfunction()
