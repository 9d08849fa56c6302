/* What the program was built with, on Windows. */
#include "harness/cli/libraries.h"

#include <jansson.h>
#include <sodium/version.h>

#include "audit/store.h"
#include "harness/base/compiler.h"

static const char *jansson_version_text(void)
{
    return JANSSON_VERSION;
}

static const char *sodium_version_text(void)
{
    return SODIUM_VERSION_STRING;
}

const sbx_library sbx_libraries[] = {
    {"sqlite", sbx_store_sqlite_version},
    {"jansson", jansson_version_text},
    {"libsodium", sodium_version_text},
};

const size_t sbx_libraries_count = SBX_COUNT_OF(sbx_libraries);

const char *sbx_compiler_version(void)
{
#if defined(__clang__)
    return __VERSION__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#else
    return "msvc";
#endif
}

/* The system's own libraries are always loaded; what counts is that no other is wanted beside the program. */
bool sbx_program_is_static(void)
{
    return true;
}
