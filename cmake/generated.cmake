# Files made at build time, all in ${SBX_GENERATED_DIR}, which is on the include path:
#   schema_sql.h, schema_sql.c   audit/schema.sql as sbx_schema_sql[]
#   report_{html,css,js}.[ch]    audit/report/report.{html,css,js} the same way
#   seccomp_filters.h            every seccomp filter as a BPF array, made by libseccomp
set(SBX_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${SBX_GENERATED_DIR})
target_include_directories(sbx_flags INTERFACE ${SBX_GENERATED_DIR})
set(generated_files "")

# sbx_embed(FILE NAME): a file of the sources as sbx_NAME[] in NAME.c and NAME.h.
function(sbx_embed file name)
    if(NOT EXISTS ${CMAKE_SOURCE_DIR}/${file})
        return()
    endif()
    add_custom_command(
        OUTPUT ${SBX_GENERATED_DIR}/${name}.c ${SBX_GENERATED_DIR}/${name}.h
        COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_SOURCE_DIR}/${file}
            -DOUTPUT=${SBX_GENERATED_DIR}/${name} -DSYMBOL=sbx_${name}
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${CMAKE_SOURCE_DIR}/${file} ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        COMMENT "Embedding ${file}" VERBATIM)
    set(generated_files ${generated_files} ${SBX_GENERATED_DIR}/${name}.c ${SBX_GENERATED_DIR}/${name}.h
        PARENT_SCOPE)
endfunction()

sbx_embed(audit/schema.sql schema_sql)
sbx_embed(audit/report/report.html report_html)
sbx_embed(audit/report/report.css report_css)
sbx_embed(audit/report/report.js report_js)

file(GLOB gen_sources CONFIGURE_DEPENDS
    ${CMAKE_SOURCE_DIR}/harness/target/${SBX_OS}/seccomp_gen/*.c)
if(gen_sources)
    add_executable(seccomp_gen ${gen_sources})
    target_link_libraries(seccomp_gen PRIVATE sbx_flags ${SECCOMP_LIBRARIES})
    target_include_directories(seccomp_gen SYSTEM PRIVATE ${SECCOMP_INCLUDE_DIRS})
    set_source_files_properties(${gen_sources} PROPERTIES # SCMP_CMP() leaves some out
        COMPILE_OPTIONS -Wno-missing-field-initializers)
    set_target_properties(seccomp_gen PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tools)
    add_custom_command(
        OUTPUT ${SBX_GENERATED_DIR}/seccomp_filters.h
        COMMAND seccomp_gen ${SBX_GENERATED_DIR}/seccomp_filters.h
        DEPENDS seccomp_gen
        COMMENT "Making the seccomp filters" VERBATIM)
    list(APPEND generated_files ${SBX_GENERATED_DIR}/seccomp_filters.h)
endif()

add_custom_target(sbx_generated DEPENDS ${generated_files})
