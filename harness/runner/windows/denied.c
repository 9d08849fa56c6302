/* What is told of a denied access whoever saw it: what the drives stand for, and which rule of the plan it is by. */
#include <string.h>
#include <wchar.h>

#include "harness/base/path.h"
#include "harness/base/windows/wide.h"
#include "harness/runner/windows/parts.h"

void sbx_denied_drives(sbx_nt_drives *out)
{
    for (int i = 0; i < 26; i++) {
        wchar_t drive[] = {(wchar_t)(L'A' + i), L':', L'\0'}, device[64];
        sbx_text text = {0};

        if (QueryDosDeviceW(drive, device, SBX_COUNT_OF(device)) == 0)
            continue;
        sbx_text_add_wide(&text, device, wcslen(device));
        if (!text.failed && text.bytes < sizeof(out->device[i]))
            memcpy(out->device[i], text.data, text.bytes + 1);
        sbx_text_done(&text);
    }
}

const char *sbx_denied_rule(const sbx_plan *plan, const char *path)
{
    const sbx_rule *found = NULL;
    size_t longest = 0;

    if (sbx_path_root_bytes(path) == 0)
        return NULL;
    for (size_t i = 0; i < plan->rule_count; i++) {
        const sbx_rule *rule = &plan->rules[i];
        size_t bytes = strlen(rule->path);

        if (rule->kind != SBX_RULE_READ && rule->kind != SBX_RULE_PIN && bytes >= longest &&
            sbx_path_is_within(path, rule->path)) {
            found = rule;
            longest = bytes;
        }
    }
    if (found == NULL)
        return "no writable root";
    return found->kind == SBX_RULE_WRITE ? NULL : found->source;
}

const char *sbx_denied_read_rule(const sbx_plan *plan, const char *path)
{
    if (sbx_path_root_bytes(path) == 0)
        return NULL;
    for (size_t i = 0; i < plan->rule_count; i++)
        if (plan->rules[i].kind == SBX_RULE_DENY && sbx_path_is_within(path, plan->rules[i].path))
            return plan->rules[i].source;
    return NULL;
}
