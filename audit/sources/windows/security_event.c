/* An event of the security log; see kernel_event.h. */
#include "audit/sources/windows/kernel_event.h"

#include <string.h>

const char *const sbx_security_paths[SBX_SECURITY_FIELD_COUNT] = {
    [SBX_SECURITY_ID] = "Event/System/EventID",
    [SBX_SECURITY_KEYWORDS] = "Event/System/Keywords",
    [SBX_SECURITY_TIME] = "Event/System/TimeCreated/@SystemTime",
    [SBX_SECURITY_USER] = "Event/EventData/Data[@Name='SubjectUserSid']",
    [SBX_SECURITY_TYPE] = "Event/EventData/Data[@Name='ObjectType']",
    [SBX_SECURITY_NAME] = "Event/EventData/Data[@Name='ObjectName']",
    [SBX_SECURITY_MASK] = "Event/EventData/Data[@Name='AccessMask']",
    [SBX_SECURITY_PID] = "Event/EventData/Data[@Name='ProcessId']",
    [SBX_SECURITY_PROGRAM] = "Event/EventData/Data[@Name='ProcessName']",
};

enum { HANDLE_REQUESTED = 4656 }; /* 4663, which is like it, is written for successes alone */

#define AUDIT_FAILURE UINT64_C(0x10000000000000) /* the keyword */

void sbx_security_query_add(sbx_text *out, const char *user)
{
    sbx_text_add_format(out,
                        "*[System[EventID=%d and band(Keywords,%llu)] and "
                        "EventData[Data[@Name='SubjectUserSid']='%s']]",
                        HANDLE_REQUESTED, (unsigned long long)AUDIT_FAILURE, user);
}

/* --- values --- */

static int digit_of(uint16_t unit)
{
    if (unit >= '0' && unit <= '9')
        return unit - '0';
    if (unit >= 'a' && unit <= 'f')
        return unit - 'a' + 10;
    return unit >= 'A' && unit <= 'F' ? unit - 'A' + 10 : -1;
}

static bool read_text_number(uint64_t *out, const uint16_t *text, size_t units)
{
    bool is_hex = units > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t base = is_hex ? 16 : 10;

    *out = 0;
    if (units == 0)
        return false;
    for (size_t i = is_hex ? 2 : 0; i < units; i++) {
        int digit = digit_of(text[i]);

        if (digit < 0 || (uint64_t)digit >= base || *out > (UINT64_MAX - (uint64_t)digit) / base)
            return false;
        *out = *out * base + (uint64_t)digit;
    }
    return true;
}

static bool read_number(uint64_t *out, const sbx_event_value *value, uint64_t most)
{
    *out = value->number;
    if (value->kind == SBX_VALUE_TEXT && !read_text_number(out, value->text, value->units))
        return false;
    return value->kind != SBX_VALUE_NONE && value->kind != SBX_VALUE_SID && *out <= most;
}

static bool is_text(const sbx_event_value *value, const char *text)
{
    size_t units = strlen(text);

    if (value->kind != SBX_VALUE_TEXT || value->units != units)
        return false;
    for (size_t i = 0; i < units; i++)
        if (value->text[i] != (uint16_t)(unsigned char)text[i])
            return false;
    return true;
}

static bool is_user(const sbx_event_value *value, const char *user)
{
    char text[SBX_EVENT_SID_TEXT_BYTES];

    if (value->kind == SBX_VALUE_TEXT)
        return is_text(value, user);
    return value->kind == SBX_VALUE_SID &&
           sbx_event_sid_print(text, value->sid, value->sid_bytes) && strcmp(text, user) == 0;
}

/* --- what was asked for, by the mask; the first that fits tells most --- */

enum {
    READ_DATA = 0x1,
    EXECUTE = 0x20,
    KEY_CREATES = 0x4 | 0x20, /* a key below, a link */
    KEY_SETS = 0x2,
    REMOVES = 0x10000 | 0x40,          /* the thing itself, one in this directory */
    WRITES = 0x2 | 0x4 | 0x10 | 0x100, /* data, more data, attributes of both kinds */
    CHANGES_LIST = 0x40000 | 0x80000 | 0x1000000,
    GENERIC_WRITES = 0x40000000 | 0x10000000,
};

static const char *file_op(uint64_t mask)
{
    if (mask & (WRITES | CHANGES_LIST | GENERIC_WRITES))
        return "write";
    if (mask & REMOVES)
        return "remove";
    return (mask & EXECUTE) && !(mask & READ_DATA) ? "execute" : "read";
}

static const char *key_op(uint64_t mask)
{
    const uint64_t removes = 0x10000;

    if (mask & (KEY_SETS | CHANGES_LIST | GENERIC_WRITES | removes))
        return "key write";
    return mask & KEY_CREATES ? "key create" : "key read";
}

static bool choose(sbx_kernel_denial *out, const sbx_event_value *type, uint64_t mask)
{
    if (is_text(type, "File")) {
        out->kind = SBX_DENIAL_FILE;
        out->op = file_op(mask);
    } else if (is_text(type, "Key")) {
        out->kind = SBX_DENIAL_FILE; /* as from the trace */
        out->op = key_op(mask);
    } else if (is_text(type, "Process") || is_text(type, "Thread")) {
        out->kind = SBX_DENIAL_PROCESS;
        out->op = "open";
        sbx_text_add(&out->target, is_text(type, "Process") ? "process " : "thread ");
    } else {
        return false;
    }
    return true;
}

/* --- the event --- */

static bool read_time(uint64_t *out_us, const sbx_event_value *value)
{
    const uint64_t since_1601_us = UINT64_C(11644473600000000);
    uint64_t time;

    if (!read_number(&time, value, INT64_MAX) || time / 10 < since_1601_us)
        return false;
    *out_us = time / 10 - since_1601_us;
    return true;
}

sbx_event_verdict sbx_security_event_read(sbx_kernel_denial *out,
                                          const sbx_event_value values[SBX_SECURITY_FIELD_COUNT],
                                          const char *user, const sbx_nt_drives *drives)
{
    const sbx_event_value *name = &values[SBX_SECURITY_NAME];
    const sbx_event_value *program = &values[SBX_SECURITY_PROGRAM];
    uint64_t id, keywords, mask, pid;

    *out = (sbx_kernel_denial){.pid = 0};
    if (!read_number(&id, &values[SBX_SECURITY_ID], UINT16_MAX) ||
        !read_number(&keywords, &values[SBX_SECURITY_KEYWORDS], UINT64_MAX))
        return SBX_EVENT_BROKEN;
    if (id != HANDLE_REQUESTED || !(keywords & AUDIT_FAILURE) ||
        !is_user(&values[SBX_SECURITY_USER], user))
        return SBX_EVENT_FOREIGN;
    if (!read_number(&mask, &values[SBX_SECURITY_MASK], UINT32_MAX) ||
        !read_number(&pid, &values[SBX_SECURITY_PID], INT32_MAX) || pid == 0 ||
        !read_time(&out->time_us, &values[SBX_SECURITY_TIME]) || name->kind != SBX_VALUE_TEXT ||
        name->units == 0)
        return SBX_EVENT_BROKEN;
    if (!choose(out, &values[SBX_SECURITY_TYPE], mask))
        return SBX_EVENT_FOREIGN;
    out->pid = (uint32_t)pid;
    sbx_nt_name_add(&out->target, name->text, name->units, drives);
    if (program->kind == SBX_VALUE_TEXT)
        sbx_nt_name_add(&out->program, program->text, program->units, drives);
    return out->target.failed || out->program.failed ? SBX_EVENT_BROKEN : SBX_EVENT_OURS;
}
