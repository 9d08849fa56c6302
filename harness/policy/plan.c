/* Making a plan: the order of the checks, and the memory that they fill. */
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/path.h"
#include "harness/policy/parts.h"

/* --- words --- */

const char *sbx_rule_word(sbx_rule_kind kind)
{
    static const char *const words[] = {
        [SBX_RULE_READ] = "read",       [SBX_RULE_WRITE] = "write",
        [SBX_RULE_PROTECT] = "protect", [SBX_RULE_PROTECT_ABSENT] = "protect_absent",
        [SBX_RULE_PIN] = "pin",         [SBX_RULE_DENY] = "deny",
    };
    return (size_t)kind < SBX_COUNT_OF(words) ? words[kind] : "unknown";
}

const char *sbx_wall_word(sbx_wall wall)
{
    static const char *const words[] = {
        [SBX_WALL_MOUNTS] = "mounts",     [SBX_WALL_PIDS] = "pids",
        [SBX_WALL_IPC] = "ipc",           [SBX_WALL_NET] = "net",
        [SBX_WALL_LANDLOCK] = "landlock", [SBX_WALL_SECCOMP] = "seccomp",
        [SBX_WALL_UID] = "uid",           [SBX_WALL_TOKEN] = "token",
        [SBX_WALL_ACES] = "aces",         [SBX_WALL_JOB] = "job",
    };
    return (size_t)wall < SBX_COUNT_OF(words) ? words[wall] : "unknown";
}

/* --- memory: blocks that are freed together --- */

enum { BLOCK_BYTES = 16 * 1024 - 64 };

typedef struct block {
    struct block *next;
    size_t used, room;
    max_align_t data[];
} block;

struct sbx_plan_memory {
    block *first;
};

static block *add_block(struct sbx_plan_memory *memory, size_t bytes)
{
    size_t room = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
    block *made = malloc(sizeof(*made) + room);

    if (made == NULL)
        return NULL;
    *made = (block){.next = memory->first, .room = room};
    memory->first = made;
    return made;
}

void *sbx_making_get(sbx_making *making, size_t bytes)
{
    struct sbx_plan_memory *memory = making->plan->memory;
    block *from = memory->first;
    void *got;

    if (bytes > SIZE_MAX / 2) {
        making->failed = true;
        return NULL;
    }
    bytes = (bytes + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (from == NULL || from->room - from->used < bytes)
        from = add_block(memory, bytes);
    if (from == NULL) {
        making->failed = true;
        return NULL;
    }
    got = (char *)from->data + from->used;
    from->used += bytes;
    return got;
}

const char *sbx_making_copy_bytes(sbx_making *making, const char *data, size_t bytes)
{
    char *copy = sbx_making_get(making, bytes + 1);

    if (copy == NULL)
        return "";
    memcpy(copy, data, bytes);
    copy[bytes] = '\0';
    return copy;
}

const char *sbx_making_copy(sbx_making *making, const char *text)
{
    return sbx_making_copy_bytes(making, text, strlen(text));
}

const char *sbx_making_join(sbx_making *making, const char *directory, const char *name)
{
    size_t all_bytes = strlen(directory);
    size_t directory_bytes =
        all_bytes == sbx_path_root_bytes(directory) ? all_bytes - 1 : all_bytes;
    size_t name_bytes = strlen(name);
    char *joined = sbx_making_get(making, directory_bytes + name_bytes + 2);

    if (joined == NULL)
        return "";
    memcpy(joined, directory, directory_bytes);
    joined[directory_bytes] = '/';
    memcpy(joined + directory_bytes + 1, name, name_bytes + 1);
    return joined;
}

/* --- the plan --- */

static sbx_status begin(sbx_making *making, sbx_error *err)
{
    const char *const *argv = making->request->argv;
    sbx_plan *plan = making->plan;
    const char **copy;

    if (argv == NULL || argv[0] == NULL || argv[0][0] == '\0')
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_PLAN, "there is no command to run");
    plan->memory = calloc(1, sizeof(*plan->memory));
    if (plan->memory == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_PLAN, "no memory for the plan");
    while (argv[plan->argc] != NULL)
        plan->argc++;
    copy = sbx_making_get(making, (plan->argc + 1) * sizeof(*copy));
    making->rules = sbx_making_get(making, SBX_PLAN_RULES_MAX * sizeof(*making->rules));
    if (copy == NULL || making->rules == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_PLAN, "no memory for the plan");
    for (size_t i = 0; i < plan->argc; i++)
        copy[i] = sbx_making_copy(making, argv[i]);
    copy[plan->argc] = NULL;
    plan->argv = copy;
    plan->policy_name = sbx_making_copy(making, making->policy->name);
    plan->limits = making->policy->limits;
    plan->network = making->policy->network;
    plan->unix_sockets = making->policy->unix_sockets;
    plan->allow_degraded = making->request->allow_degraded;
    plan->learns = making->request->learns;
    return sbx_run_id_make(plan->run_id, err);
}

/* The private temp file system counts as the job's memory; more than that it could not hold. */
static uint64_t temp_size(const sbx_limits *limits)
{
    enum { LEAST_BYTES = 64 * 1024 }; /* 0 would mean "no limit" to the kernel */
    uint64_t memory_bytes = limits->value[SBX_LIMIT_MEMORY];

    return memory_bytes < LEAST_BYTES ? LEAST_BYTES : memory_bytes;
}

static sbx_status make(sbx_making *making, sbx_error *err)
{
    sbx_plan *plan = making->plan;
    sbx_status st;

    if ((st = begin(making, err)) != SBX_OK ||
        (st = sbx_plan_check_host(making, err)) != SBX_OK || /* who, and behind which walls */
        (st = sbx_plan_find_cwd(making, err)) != SBX_OK ||   /* "." of the policy */
        (st = sbx_plan_find_homes(making, err)) != SBX_OK || /* "~", and where secrets lie */
        (st = sbx_plan_add_roots(making, err)) != SBX_OK ||  /* before what is said about them */
        (st = sbx_plan_add_denials(making, err)) != SBX_OK ||
        (st = sbx_plan_add_audit(making, err)) != SBX_OK ||
        (st = sbx_plan_add_protected(making, err)) != SBX_OK ||
        (st = sbx_rules_finish(making, err)) != SBX_OK ||
        (st = sbx_plan_settle_walls(making, err)) != SBX_OK) /* knows which rules are lost */
        return st;
    sbx_plan_make_environment(making);
    plan->homes[0] = making->homes[0];
    plan->homes[1] = making->homes[1];
    plan->rules = making->rules;
    plan->rule_count = making->rule_count;
    plan->temp_bytes = temp_size(&plan->limits);
    sbx_policy_to_json(&plan->policy_json, making->policy);
    if (making->failed)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_PLAN, "no memory for the plan");
    return sbx_text_check(&plan->policy_json, err);
}

sbx_status sbx_plan_make(sbx_plan *out_plan, const sbx_policy *policy,
                         const sbx_plan_request *request, sbx_error *err)
{
    sbx_making making = {.plan = out_plan, .policy = policy, .request = request};
    sbx_status st;

    *out_plan = (sbx_plan){0};
    st = make(&making, err);
    if (st != SBX_OK)
        sbx_plan_done(out_plan);
    return st;
}

bool sbx_plan_maps_owners(const sbx_plan *plan)
{
    if (!plan->walls[SBX_WALL_UID])
        return false;
    for (size_t i = 0; i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_READ || plan->rules[i].kind == SBX_RULE_WRITE)
            return true;
    return false;
}

void sbx_plan_done(sbx_plan *plan)
{
    if (plan->memory != NULL) {
        while (plan->memory->first != NULL) {
            block *first = plan->memory->first;

            plan->memory->first = first->next;
            free(first);
        }
        free(plan->memory);
    }
    sbx_text_done(&plan->missing);
    sbx_text_done(&plan->policy_json);
    *plan = (sbx_plan){0};
}
