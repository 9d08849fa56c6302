# Files made at build time, all in ${SBX_GENERATED_DIR}, which is on the include path:
#   schema_sql.h, schema_sql.c   audit/schema.sql as sbx_schema_sql[]
#   seccomp_filters.h            every seccomp filter as a BPF array, made by libseccomp
set(SBX_GENERATED_DIR ${CMAKE_BINARY_DIR}/generated)
file(MAKE_DIRECTORY ${SBX_GENERATED_DIR})
target_include_directories(sbx_flags INTERFACE ${SBX_GENERATED_DIR})
set(generated_files "")

if(EXISTS ${CMAKE_SOURCE_DIR}/audit/schema.sql)
    add_custom_command(
        OUTPUT ${SBX_GENERATED_DIR}/schema_sql.c ${SBX_GENERATED_DIR}/schema_sql.h
        COMMAND ${CMAKE_COMMAND} -DINPUT=${CMAKE_SOURCE_DIR}/audit/schema.sql
            -DOUTPUT=${SBX_GENERATED_DIR}/schema_sql -DSYMBOL=sbx_schema_sql
            -P ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        DEPENDS ${CMAKE_SOURCE_DIR}/audit/schema.sql ${CMAKE_SOURCE_DIR}/cmake/embed.cmake
        COMMENT "Embedding audit/schema.sql" VERBATIM)
    list(APPEND generated_files ${SBX_GENERATED_DIR}/schema_sql.c ${SBX_GENERATED_DIR}/schema_sql.h)
endif()

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
