/* What holds the walls and limits of a run, as its result and its row say it. */
#include <string.h>

#include "harness/runner/windows/parts.h"

static void add_word(sbx_text *out, const char *word)
{
    if (out->bytes > 0)
        sbx_text_add(out, ",");
    sbx_text_add(out, word);
}

void sbx_describe_walls(sbx_result *result, const sbx_plan *plan)
{
    for (int wall = 0; wall < SBX_WALL_COUNT; wall++)
        if (plan->walls[wall])
            add_word(&result->walls, sbx_wall_word((sbx_wall)wall));
    sbx_text_add(&result->missing, sbx_text_string(&plan->missing));
    result->is_partial = plan->missing.bytes > 0;
}

static bool has_word(const char *commas, const char *word)
{
    size_t bytes = strlen(word);

    for (; *commas != '\0'; commas += strcspn(commas, ","), commas += *commas == ',')
        if (strncmp(commas, word, bytes) == 0 && (commas[bytes] == ',' || commas[bytes] == '\0'))
            return true;
    return false;
}

static void remove_word(sbx_text *list, const char *word)
{
    sbx_text left = {0};
    size_t bytes = strlen(word);

    for (const char *at = sbx_text_string(list); *at != '\0';
         at += strcspn(at, ","), at += *at == ',') {
        size_t length = strcspn(at, ",");

        if (length == bytes && strncmp(at, word, bytes) == 0)
            continue;
        if (left.bytes > 0)
            sbx_text_add(&left, ",");
        sbx_text_add_bytes(&left, at, length);
    }
    sbx_text_done(list);
    *list = left;
}

void sbx_describe_lack(sbx_result *result, sbx_wall wall)
{
    const char *word = sbx_wall_word(wall);

    remove_word(&result->walls, word);
    if (!has_word(sbx_text_string(&result->missing), word))
        add_word(&result->missing, word);
    result->is_partial = true;
}

/* Limits that nobody holds make a run partial too; the size of a file and open files nobody can hold here. */
void sbx_describe_enforcers(sbx_result *result, const sbx_plan *plan, const sbx_job *job)
{
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        sbx_enforcer held;

        if (plan->limits.value[kind] == SBX_UNLIMITED)
            continue;
        switch ((sbx_limit_kind)kind) {
        case SBX_LIMIT_WALL:
        case SBX_LIMIT_IDLE:
            held = SBX_ENFORCER_TIMER;
            break;
        case SBX_LIMIT_FILE_SIZE:
        case SBX_LIMIT_FILES:
            held = SBX_ENFORCER_NONE;
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
        result->is_partial = true;
        if (!has_word(sbx_text_string(&result->missing), sbx_limit_word((sbx_limit_kind)kind)))
            add_word(&result->missing, sbx_limit_word((sbx_limit_kind)kind));
    }
}
