/* What holds the walls and limits of a run, as its result and its row say it. */
#include <string.h>
#include <sys/resource.h>

#include "harness/runner/linux/parts.h"
#include "harness/target/linux/vfork_into.h"

void sbx_describe_walls(sbx_result *result, const sbx_plan *plan)
{
    for (int wall = 0; wall < SBX_WALL_COUNT; wall++)
        if (plan->walls[wall]) {
            if (result->walls.bytes > 0)
                sbx_text_add(&result->walls, ",");
            sbx_text_add(&result->walls, sbx_wall_word((sbx_wall)wall));
        }
    sbx_text_add(&result->missing, sbx_text_string(&plan->missing));
    result->is_partial = plan->missing.bytes > 0;
}

/* Limits that nobody holds make a run partial too. */
void sbx_describe_enforcers(sbx_result *result, const sbx_plan *plan, const sbx_job *job)
{
    const sbx_limits *limits = &plan->limits;

    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        sbx_enforcer held = SBX_ENFORCER_NONE;

        if (limits->value[kind] == SBX_UNLIMITED)
            continue;
        switch ((sbx_limit_kind)kind) {
        case SBX_LIMIT_WALL:
        case SBX_LIMIT_IDLE:
            held = SBX_ENFORCER_TIMER;
            break;
        case SBX_LIMIT_FILE_SIZE:
        case SBX_LIMIT_FILES:
            held = SBX_ENFORCER_RLIMIT;
            break;
        case SBX_LIMIT_OUTPUT:
            held = SBX_ENFORCER_PIPE;
            break;
        default:
            held = sbx_job_enforcer(job, (sbx_limit_kind)kind);
        }
        result->enforcers[kind] = held;
        if (held != SBX_ENFORCER_NONE)
            continue;
        if (result->missing.bytes > 0)
            sbx_text_add(&result->missing, ",");
        sbx_text_add(&result->missing, sbx_limit_word((sbx_limit_kind)kind));
        result->is_partial = true;
    }
}

bool sbx_can_share(const sbx_plan *plan)
{
    enum { LEAST_BYTES = 2 * 1024 * 1024 };
    uint64_t needed = LEAST_BYTES;
    struct rusage own;

    for (size_t i = 0; plan->argv[i] != NULL; i++)
        needed += strlen(plan->argv[i]) + sizeof(char *);
    for (size_t i = 0; plan->env[i] != NULL; i++)
        needed += strlen(plan->env[i]) + sizeof(char *);
    /* Where memory is polled, ours counts in until the execve. */
    needed += getrusage(RUSAGE_SELF, &own) == 0 ? 2048 * (uint64_t)own.ru_maxrss : 0;
    return SBX_HAS_VFORK_INTO && plan->limits.value[SBX_LIMIT_MEMORY] >= needed;
}

static void add_place(sbx_place *places, size_t *count, sbx_place_kind kind, const sbx_rule *rule)
{
    places[(*count)++] = (sbx_place){.kind = kind, .path = rule->path, .rule = rule->source};
}

/* The private directories are writable places too, or a write there would look refused. */
size_t sbx_describe_places(sbx_place *places, const sbx_plan *plan)
{
    static const char *const temporary[] = {"/tmp", "/var/tmp", "/dev/shm"};
    size_t count = 0;

    for (size_t i = 0; plan->walls[SBX_WALL_MOUNTS] && i < SBX_COUNT_OF(temporary); i++)
        places[count++] = (sbx_place){SBX_PLACE_WRITABLE, temporary[i], "private temp"};
    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];

        if (rule->kind == SBX_RULE_WRITE)
            add_place(places, &count, SBX_PLACE_WRITABLE, rule);
        else if (rule->kind == SBX_RULE_READ) /* in /tmp, it stands in the private directory */
            add_place(places, &count, SBX_PLACE_READABLE, rule);
        else if (rule->kind == SBX_RULE_PROTECT)
            add_place(places, &count, SBX_PLACE_PROTECTED, rule);
        else if (rule->kind == SBX_RULE_PROTECT_ABSENT)
            add_place(places, &count, SBX_PLACE_RESERVED, rule);
        else if (rule->kind == SBX_RULE_DENY)
            add_place(places, &count, SBX_PLACE_SECRET, rule);
    }
    return count;
}
