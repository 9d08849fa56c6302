/* The limits that each process holds for itself. */
#include <errno.h>
#include <sys/resource.h>

#include "harness/target/linux/steps.h"

/* Never raises one: where the caller has less already, that is the limit. */
static sbx_status set_limit(int resource, uint64_t value, sbx_limit_kind kind, sbx_error *err)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) == 0 && limit.rlim_max < value)
        value = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = value;
    if (setrlimit(resource, &limit) != 0)
        return sbx_fail_errno(err, SBX_REFUSED, SBX_STEP_RLIMIT, errno, "set the limit --%s",
                              sbx_limit_word(kind));
    return SBX_OK;
}

/*
 * A core dump goes where a pattern on the host says: to a file, or into a program that the kernel starts as root.
 * 0 only keeps the kernel from writing files; 1 is its own mark for "not even into a program". Where the caller
 * has 0 and may not raise it, 0 it stays.
 */
static void forbid_core_dumps(void)
{
    const struct rlimit no_dump = {1, 1}, no_file = {0, 0};

    if (setrlimit(RLIMIT_CORE, &no_dump) != 0)
        (void)setrlimit(RLIMIT_CORE, &no_file);
}

sbx_status sbx_rlimits_apply(const sbx_entry *entry, sbx_error *err)
{
    const sbx_limits *limits = &entry->plan->limits;
    uint64_t file_size = limits->value[SBX_LIMIT_FILE_SIZE];
    uint64_t files = limits->value[SBX_LIMIT_FILES];
    sbx_status st = SBX_OK;

    forbid_core_dumps();
    if (file_size != SBX_UNLIMITED)
        st = set_limit(RLIMIT_FSIZE, file_size, SBX_LIMIT_FILE_SIZE, err);
    if (st == SBX_OK && files != SBX_UNLIMITED)
        st = set_limit(RLIMIT_NOFILE, files, SBX_LIMIT_FILES, err);
    return st;
}
