# cmake --install build/release [--prefix DIR] [--component sbx]
include(CMakePackageConfigHelpers)
set(SBX_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/sbx)

if(TARGET sbx)
    install(TARGETS sbx RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT sbx)
endif()
if(TARGET sbx-setup)
    install(TARGETS sbx-setup RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT sbx)
endif()
if(TARGET sbx-scope)
    install(TARGETS sbx-scope RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/sbx COMPONENT sbx)
endif()

# A program with another name has its manual under that name.
file(GLOB manuals CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.[1-9])
foreach(manual ${manuals})
    get_filename_component(name ${manual} NAME)
    string(REGEX REPLACE "^sbx" "${SBX_PROGRAM_NAME}" name ${name})
    string(REGEX MATCH "[1-9]$" section ${name})
    install(FILES ${manual} RENAME ${name} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT sbx)
endforeach()

# The program writes its own completions; a cross-built one cannot be run to do so.
if(TARGET sbx AND NOT CMAKE_CROSSCOMPILING)
    set(completions ${CMAKE_BINARY_DIR}/completions)
    file(MAKE_DIRECTORY ${completions})
    foreach(shell bash zsh fish)
        install(CODE "execute_process(COMMAND \"$<TARGET_FILE:sbx>\" completion ${shell}
            OUTPUT_FILE \"${completions}/${shell}\" COMMAND_ERROR_IS_FATAL ANY)" COMPONENT sbx)
    endforeach()
    install(FILES ${completions}/bash RENAME ${SBX_PROGRAM_NAME}
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT sbx)
    install(FILES ${completions}/zsh RENAME _${SBX_PROGRAM_NAME}
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT sbx)
    install(FILES ${completions}/fish RENAME ${SBX_PROGRAM_NAME}.fish
        DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT sbx)
endif()

# The library, for who embeds it.
if(TARGET sbx_shared)
    install(TARGETS sbx_shared sbx_static EXPORT sbxTargets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sbx
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT sbx)
    install(FILES ${CMAKE_SOURCE_DIR}/harness/include/sbx/sbx.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/sbx COMPONENT sbx)
    install(EXPORT sbxTargets NAMESPACE sbx:: DESTINATION ${SBX_PACKAGE_DIR} COMPONENT sbx)
    file(RELATIVE_PATH SBX_PC_PREFIX # the installed tree may be moved
        /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    configure_file(${CMAKE_SOURCE_DIR}/packaging/sbx.pc.in ${CMAKE_BINARY_DIR}/sbx.pc @ONLY)
    install(FILES ${CMAKE_BINARY_DIR}/sbx.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT sbx)
    configure_package_config_file(${CMAKE_SOURCE_DIR}/packaging/sbxConfig.cmake.in
        ${CMAKE_BINARY_DIR}/sbxConfig.cmake INSTALL_DESTINATION ${SBX_PACKAGE_DIR})
    write_basic_package_version_file(${CMAKE_BINARY_DIR}/sbxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
    install(FILES ${CMAKE_BINARY_DIR}/sbxConfig.cmake ${CMAKE_BINARY_DIR}/sbxConfigVersion.cmake
        DESTINATION ${SBX_PACKAGE_DIR} COMPONENT sbx)
endif()
