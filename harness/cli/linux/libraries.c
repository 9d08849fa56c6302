/* What the program was built with, on Linux. */
#include "harness/cli/libraries.h"

#include <features.h>
#include <jansson.h>
#include <sodium/version.h>
#include <sys/auxv.h>
#ifdef __GLIBC__
#include <gnu/libc-version.h>
#endif

#include "audit/store.h"
#include "harness/base/compiler.h"

#ifndef SBX_SECCOMP_VERSION
#define SBX_SECCOMP_VERSION "unknown"
#endif

/* Makes the filters when sbx is built; is not in the program. */
static const char *seccomp_version_text(void)
{
    return SBX_SECCOMP_VERSION;
}

static const char *jansson_version_text(void)
{
    return JANSSON_VERSION;
}

static const char *sodium_version_text(void)
{
    return SODIUM_VERSION_STRING;
}

#ifdef __GLIBC__
#define LIBC_NAME "glibc"
#define LIBC_VERSION gnu_get_libc_version()
#else
#define LIBC_NAME "musl"
#define LIBC_VERSION SBX_MUSL_VERSION
#endif

static const char *libc_version_text(void)
{
    return LIBC_VERSION;
}

const sbx_library sbx_libraries[] = {
    {"sqlite", sbx_store_sqlite_version}, {"libseccomp", seccomp_version_text},
    {"jansson", jansson_version_text},    {"libsodium", sodium_version_text},
    {LIBC_NAME, libc_version_text},
};

const size_t sbx_libraries_count = SBX_COUNT_OF(sbx_libraries);

const char *sbx_compiler_version(void)
{
#ifdef __clang__
    return __VERSION__;
#else
    return "gcc " __VERSION__;
#endif
}

bool sbx_program_is_static(void)
{
    return getauxval(AT_BASE) == 0; /* where the loader was put: nowhere */
}
