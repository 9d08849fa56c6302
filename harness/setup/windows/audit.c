/* See audit.h. */
#include "harness/setup/windows/audit.h"

#include "harness/setup/windows/setup_list.h"

static const sbx_setup_item plan[SBX_SETUP_AUDITS] = {
    {.kind = SBX_SETUP_AUDIT_ENTRY, .name = "File", .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_AUDIT_ENTRY, .name = "Key", .about = SBX_SETUP_GROUP},
    {.kind = SBX_SETUP_AUDIT, .name = "File System"},
    {.kind = SBX_SETUP_AUDIT, .name = "Registry"},
    {.kind = SBX_SETUP_AUDIT, .name = "Handle Manipulation"},
};

const sbx_setup_item *sbx_setup_audit_plan(void)
{
    return plan;
}

static sbx_status note(bool is_ours[SBX_SETUP_AUDITS], const sbx_setup_os *os, sbx_error *err)
{
    sbx_setup_found found[SBX_SETUP_AUDITS];
    bool is_complete;
    sbx_status st = sbx_setup_audit_look(found, &is_complete, os, err);

    for (size_t i = 0; st == SBX_OK && i < SBX_SETUP_AUDITS; i++)
        is_ours[i] |= found[i] != SBX_SETUP_THERE;
    return st;
}

/* What is not there is nobody's; what cannot be looked for may be. */
static void forget(bool is_ours[SBX_SETUP_AUDITS], const sbx_setup_os *os)
{
    for (size_t i = 0; i < SBX_SETUP_AUDITS; i++) {
        sbx_setup_found found;

        if (is_ours[i] && os->find(&found, &plan[i]) == 0 && found == SBX_SETUP_ABSENT)
            is_ours[i] = false;
    }
}

sbx_status sbx_setup_audit_install(bool is_ours[SBX_SETUP_AUDITS], const sbx_setup_os *os,
                                   sbx_setup_audit_save *save, void *context, sbx_error *err)
{
    sbx_status st = note(is_ours, os, err);

    if (st == SBX_OK && (st = save(context, err)) == SBX_OK)
        st = sbx_setup_list_put(plan, SBX_SETUP_AUDITS, os, err);
    if (st != SBX_OK)
        forget(is_ours, os);
    return st;
}

sbx_status sbx_setup_audit_look(sbx_setup_found out[SBX_SETUP_AUDITS], bool *out_is_complete,
                                const sbx_setup_os *os, sbx_error *err)
{
    return sbx_setup_list_look(out, out_is_complete, plan, SBX_SETUP_AUDITS, os, err);
}

void sbx_setup_audit_print(sbx_text *out, const sbx_setup_found *found)
{
    sbx_setup_list_print(out, plan, SBX_SETUP_AUDITS, found);
}

void sbx_setup_audit_print_json(sbx_json *json, const char *key, const sbx_setup_found *found)
{
    sbx_setup_list_print_json(json, key, plan, found == NULL ? 0 : SBX_SETUP_AUDITS, found);
}

sbx_status sbx_setup_audit_uninstall(const bool is_ours[SBX_SETUP_AUDITS], const sbx_setup_os *os,
                                     sbx_error *err)
{
    return sbx_setup_list_take(plan, SBX_SETUP_AUDITS, is_ours, os, err);
}
