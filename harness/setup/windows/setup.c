/* See setup.h. */
#include "harness/setup/windows/setup.h"

#include "harness/setup/windows/setup_list.h"

#define BEYOND                                                                                     \
    "0.0.0.0-126.255.255.255,128.0.0.0-255.255.255.255,::,::2-ffff:ffff:ffff:ffff:ffff:ffff:ffff:" \
    "ffff"
#define LOOPBACK "127.0.0.0/8,::1"

/*
 * Logging on interactively is not denied: CreateProcessWithLogonW(), by which the runner is started, is such a
 * logon. The filters take every protocol at each layer at which a program asks for the network: names (DNS), shares
 * (SMB) and ICMP are no exceptions. What the name service looks up for a program is not asked by the program's user,
 * and is not held.
 */
static const sbx_setup_item plan[] = {
    {.kind = SBX_SETUP_LOCAL_GROUP, .name = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_DENIED_RIGHT, .name = "SeDenyNetworkLogonRight", .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_DENIED_RIGHT,
     .name = "SeDenyRemoteInteractiveLogonRight",
     .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_DENIED_RIGHT, .name = "SeDenyBatchLogonRight", .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_DENIED_RIGHT, .name = "SeDenyServiceLogonRight", .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_USER, .name = SBX_SETUP_OFFLINE},
    {.kind = SBX_SETUP_USER, .name = SBX_SETUP_ONLINE},
    {.kind = SBX_SETUP_MEMBER, .name = SBX_SETUP_GROUP, .about = SBX_SETUP_OFFLINE},
    {.kind = SBX_SETUP_MEMBER, .name = SBX_SETUP_GROUP, .about = SBX_SETUP_ONLINE},
    {.kind = SBX_SETUP_HIDDEN, .name = SBX_SETUP_OFFLINE},
    {.kind = SBX_SETUP_HIDDEN, .name = SBX_SETUP_ONLINE},
    {.kind = SBX_SETUP_RULE,
     .name = "sbx-offline-out",
     .about = SBX_SETUP_OFFLINE,
     .remote = BEYOND},
    {.kind = SBX_SETUP_RULE,
     .name = "sbx-offline-out-loopback",
     .about = SBX_SETUP_OFFLINE,
     .remote = LOOPBACK},
    {.kind = SBX_SETUP_RULE,
     .name = "sbx-offline-in",
     .about = SBX_SETUP_OFFLINE,
     .is_inbound = true,
     .remote = BEYOND},
    {.kind = SBX_SETUP_RULE,
     .name = "sbx-offline-in-loopback",
     .about = SBX_SETUP_OFFLINE,
     .is_inbound = true,
     .remote = LOOPBACK},
#define FILTER(what, version)                                                                      \
    {                                                                                              \
        .kind = SBX_SETUP_FILTER, .name = "sbx-offline-" what "-v" version,                        \
        .about = SBX_SETUP_OFFLINE, .layer = what "/v" version                                     \
    }
    FILTER("connect", "4"),
    FILTER("connect", "6"),
    FILTER("listen", "4"),
    FILTER("listen", "6"),
    FILTER("accept", "4"),
    FILTER("accept", "6"),
    FILTER("assign", "4"),
    FILTER("assign", "6"),
};

enum { PLAN_COUNT = SBX_COUNT_OF(plan) };
_Static_assert(SBX_COUNT_OF(plan) <= SBX_SETUP_ITEMS_MAX, "who looks at the plan has room for it");

const sbx_setup_item *sbx_setup_plan(size_t *out_count)
{
    *out_count = PLAN_COUNT;
    return plan;
}

sbx_status sbx_setup_install(const sbx_setup_os *os, sbx_error *err)
{
    return sbx_setup_list_put(plan, PLAN_COUNT, os, err);
}

sbx_status sbx_setup_look(sbx_setup_found out[SBX_SETUP_ITEMS_MAX], bool *out_is_complete,
                          const sbx_setup_os *os, sbx_error *err)
{
    return sbx_setup_list_look(out, out_is_complete, plan, PLAN_COUNT, os, err);
}

void sbx_setup_print(sbx_text *out, const sbx_setup_found *found)
{
    sbx_setup_list_print(out, plan, PLAN_COUNT, found);
}

void sbx_setup_print_json(sbx_json *json, const char *key, const sbx_setup_found *found)
{
    sbx_setup_list_print_json(json, key, plan, PLAN_COUNT, found);
}

sbx_status sbx_setup_uninstall(const sbx_setup_os *os, sbx_error *err)
{
    return sbx_setup_list_take(plan, PLAN_COUNT, NULL, os, err);
}
