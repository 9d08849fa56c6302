/* The words and the empty values of limits. */
#include "limits/limits.h"

#include "harness/base/clock.h"

const char *sbx_limit_word(sbx_limit_kind kind)
{
    static const char *const words[SBX_LIMIT_COUNT] = {
        [SBX_LIMIT_MEMORY] = "memory",   [SBX_LIMIT_SWAP] = "swap",
        [SBX_LIMIT_CPUS] = "cpus",       [SBX_LIMIT_CPU] = "cpu",
        [SBX_LIMIT_WALL] = "wall",       [SBX_LIMIT_IDLE] = "idle",
        [SBX_LIMIT_PROCESSES] = "procs", [SBX_LIMIT_FILE_SIZE] = "fsize",
        [SBX_LIMIT_FILES] = "files",     [SBX_LIMIT_OUTPUT] = "output",
    };
    return (size_t)kind < SBX_LIMIT_COUNT ? words[kind] : "unknown";
}

void sbx_limits_init(sbx_limits *limits)
{
    for (int i = 0; i < SBX_LIMIT_COUNT; i++)
        limits->value[i] = SBX_UNLIMITED;
    limits->grace_ns = 2 * SBX_NS_PER_S;
    limits->memory_fails = false;
}

const char *sbx_enforcer_word(sbx_enforcer enforcer)
{
    static const char *const words[] = {
#define X(name, word) [SBX_ENFORCER_##name] = word,
        SBX_ENFORCER_MAP(X)
#undef X
    };
    return (size_t)enforcer < SBX_COUNT_OF(words) ? words[enforcer] : "unknown";
}

void sbx_usage_init(sbx_usage *usage)
{
    *usage = (sbx_usage){SBX_UNLIMITED, SBX_UNLIMITED, SBX_UNLIMITED,
                         SBX_UNLIMITED, SBX_UNLIMITED, SBX_UNLIMITED};
}

uint64_t sbx_usage_cpu_ns(const sbx_usage *usage)
{
    if (usage->user_ns == SBX_UNLIMITED)
        return usage->system_ns;
    if (usage->system_ns == SBX_UNLIMITED)
        return usage->user_ns;
    return usage->user_ns + usage->system_ns;
}
