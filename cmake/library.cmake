# libsbx as others have it: harness/embed, which starts the program and talks to it. Shared and static, without any other
# library, and with the symbols of harness/include/sbx/sbx.h alone. (The target libsbx is what the program is made of.)
function(sbx_add_public_library)
    if(NOT SBX_OS STREQUAL "linux" OR SBX_FUZZ)
        return()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS
        ${CMAKE_SOURCE_DIR}/harness/embed/*.c ${CMAKE_SOURCE_DIR}/harness/embed/${SBX_OS}/*.c)
    # An installed tree may be moved: the program is looked for from the library.
    file(RELATIVE_PATH from_library ${CMAKE_INSTALL_FULL_LIBDIR} ${CMAKE_INSTALL_FULL_BINDIR}/${SBX_PROGRAM_NAME})
    add_library(sbx_embed OBJECT ${sources})
    target_include_directories(sbx_embed PRIVATE ${CMAKE_SOURCE_DIR})
    target_compile_definitions(sbx_embed PRIVATE _GNU_SOURCE _FILE_OFFSET_BITS=64
        "SBX_BINARY_FROM_LIBRARY=\"${from_library}\""
        "SBX_BINARY_INSTALLED=\"${CMAKE_INSTALL_FULL_BINDIR}/${SBX_PROGRAM_NAME}\"")
    # Whoever links it has no sanitizer's runtime.
    target_compile_options(sbx_embed PRIVATE
        $<TARGET_PROPERTY:sbx_flags,INTERFACE_COMPILE_OPTIONS> -fno-sanitize=all -fvisibility=hidden)
    foreach(kind shared static)
        string(TOUPPER ${kind} type)
        add_library(sbx_${kind} ${type} $<TARGET_OBJECTS:sbx_embed>)
        set_target_properties(sbx_${kind} PROPERTIES OUTPUT_NAME sbx VERSION ${PROJECT_VERSION}
            SOVERSION ${PROJECT_VERSION_MAJOR} LINKER_LANGUAGE C)
        target_include_directories(sbx_${kind} INTERFACE
            $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/harness/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    endforeach()
    set(map ${CMAKE_SOURCE_DIR}/harness/embed/sbx.map)
    target_link_options(sbx_shared PRIVATE LINKER:--version-script=${map}
        LINKER:-z,relro,-z,now,-z,noexecstack,-z,defs)
    set_target_properties(sbx_shared PROPERTIES LINK_DEPENDS ${map} EXPORT_NAME sbx
        LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib)
    set_target_properties(sbx_static PROPERTIES EXPORT_NAME sbx_static)
endfunction()
