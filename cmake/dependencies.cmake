# Libraries that come with the system. Linked by name and not by the path that find_library() gives:
# the path is that of the shared one, which a static program cannot use.
set(SBX_LIBRARIES "")

if(SBX_OS STREQUAL "linux")
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(JANSSON REQUIRED jansson>=2.10)
    target_include_directories(sbx_flags SYSTEM INTERFACE ${JANSSON_INCLUDE_DIRS})
    target_link_directories(sbx_flags INTERFACE ${JANSSON_LIBRARY_DIRS})
    list(APPEND SBX_LIBRARIES ${JANSSON_LIBRARIES})

    pkg_check_modules(SODIUM REQUIRED libsodium)
    target_include_directories(sbx_flags SYSTEM INTERFACE ${SODIUM_INCLUDE_DIRS})
    target_link_directories(sbx_flags INTERFACE ${SODIUM_LIBRARY_DIRS})
    list(APPEND SBX_LIBRARIES ${SODIUM_LIBRARIES})

    # At build time only: the filters are made by seccomp_gen and compiled in as arrays.
    pkg_check_modules(SECCOMP REQUIRED libseccomp>=2.5)
elseif(CMAKE_CROSSCOMPILING)
    include(debian_source)
    sbx_add_jansson(sbx_jansson)
    sbx_add_sodium(sbx_sodium)
    if(SBX_TESTS)
        sbx_add_cmocka(sbx_cmocka)
    endif()
    target_include_directories(sbx_flags SYSTEM INTERFACE
        $<TARGET_PROPERTY:sbx_jansson,INTERFACE_INCLUDE_DIRECTORIES>
        $<TARGET_PROPERTY:sbx_sodium,INTERFACE_INCLUDE_DIRECTORIES>)
    target_compile_definitions(sbx_flags INTERFACE SODIUM_STATIC=1)
    list(APPEND SBX_LIBRARIES sbx_sodium advapi32 bcrypt ole32 oleaut32 shell32 user32 ws2_32)
else() # on Windows itself, which has not been tried: these as their own CMake packages
    find_package(jansson CONFIG REQUIRED)
    find_package(unofficial-sodium CONFIG REQUIRED)
    target_link_libraries(sbx_flags INTERFACE jansson::jansson unofficial-sodium::sodium)
    list(APPEND SBX_LIBRARIES jansson::jansson unofficial-sodium::sodium advapi32 bcrypt ole32 oleaut32 shell32 user32 ws2_32)
endif()

# What `sbx --version --json` names beside the versions that the libraries say themselves.
add_compile_definitions(SBX_VERSION="${PROJECT_VERSION}" SBX_PROGRAM_NAME="${SBX_PROGRAM_NAME}"
    SBX_SECCOMP_VERSION="${SECCOMP_VERSION}" SBX_BUILD_TYPE="$<LOWER_CASE:$<CONFIG>>")
