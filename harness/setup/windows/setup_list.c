/* See setup_list.h. */
#include "harness/setup/windows/setup_list.h"

const char *sbx_setup_kind_word(sbx_setup_kind kind)
{
    static const char *const words[] = {
        [SBX_SETUP_LOCAL_GROUP] = "group",       [SBX_SETUP_USER] = "user",
        [SBX_SETUP_MEMBER] = "member",           [SBX_SETUP_DENIED_RIGHT] = "denied right",
        [SBX_SETUP_HIDDEN] = "hidden account",   [SBX_SETUP_RULE] = "firewall rule",
        [SBX_SETUP_FILTER] = "filter",           [SBX_SETUP_AUDIT_ENTRY] = "audit entry",
        [SBX_SETUP_AUDIT] = "audit of failures",
    };
    return words[kind];
}

static const char *between(const sbx_setup_item *item)
{
    return item->about != NULL ? " of " : "";
}

static const char *about(const sbx_setup_item *item)
{
    return item->about != NULL ? item->about : "";
}

static sbx_status fail(sbx_error *err, uint32_t code, const char *doing, const sbx_setup_item *item,
                       const sbx_setup_os *os)
{
    const char *kind = sbx_setup_kind_word(item->kind), *why = os->why();
    bool has_why = why[0] != '\0';

    if (code == SBX_SETUP_NOT_OURS)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "%s the %s %s: there is one that sbx-setup did not make — rename or "
                              "remove it, and try again",
                              doing, kind, item->name);
    if (code == SBX_SETUP_NO_FUNCTION)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY, "%s the %s %s%s%s: %s", doing,
                              kind, item->name, between(item), about(item), why);
    return sbx_fail(err, SBX_IO, SBX_STEP_IDENTITY, SBX_OS_WIN32, (int)code,
                    "%s the %s %s%s%s%s%s%s", doing, kind, item->name, between(item), about(item),
                    has_why ? " (" : "", why, has_why ? ")" : "");
}

static sbx_status refuse(sbx_error *err, const sbx_setup_item *item, const char *why)
{
    bool has_why = why[0] != '\0';

    return sbx_fail_plain(
        err, SBX_REFUSED, SBX_STEP_IDENTITY,
        "the %s %s%s%s did not read back as it was made%s%s%s: a policy of this machine, or "
        "another program, undoes it",
        sbx_setup_kind_word(item->kind), item->name, between(item), about(item),
        has_why ? " (" : "", why, has_why ? ")" : "");
}

/* --- there --- */

static sbx_status put_one(bool *out_is_put, const sbx_setup_item *item, const sbx_setup_os *os,
                          sbx_error *err)
{
    sbx_setup_found found = SBX_SETUP_ABSENT;
    uint32_t code = os->find(&found, item);

    if (code != 0)
        return fail(err, code, "look for", item, os);
    if (found == SBX_SETUP_THERE)
        return SBX_OK;
    if ((code = os->put(item)) != 0)
        return fail(err, code, "make", item, os);
    *out_is_put = true;
    if ((code = os->find(&found, item)) != 0)
        return fail(err, code, "read back", item, os);
    if (found == SBX_SETUP_THERE)
        return SBX_OK;
    return refuse(err, item, os->why());
}

sbx_status sbx_setup_list_put(const sbx_setup_item *list, size_t count, const sbx_setup_os *os,
                              sbx_error *err)
{
    bool is_put[SBX_SETUP_ITEMS_MAX] = {false};
    sbx_status st = SBX_OK;
    size_t i = 0;

    for (; st == SBX_OK && i < count; i++)
        st = put_one(&is_put[i], &list[i], os, err);
    while (st != SBX_OK && i-- > 0)
        if (is_put[i])
            (void)os->take(&list[i]); /* the first failure is the one that is told */
    return st;
}

sbx_status sbx_setup_list_look(sbx_setup_found *out, bool *out_is_complete,
                               const sbx_setup_item *list, size_t count, const sbx_setup_os *os,
                               sbx_error *err)
{
    sbx_status first = SBX_OK;

    *out_is_complete = true;
    for (size_t i = 0; i < count; i++) {
        uint32_t code;

        out[i] = SBX_SETUP_ABSENT;
        code = os->find(&out[i], &list[i]);
        if (code != 0)
            out[i] = SBX_SETUP_UNKNOWN;
        if (code != 0 && first == SBX_OK)
            first = fail(err, code, "look for", &list[i], os);
        *out_is_complete &= out[i] == SBX_SETUP_THERE;
    }
    return first;
}

static const char *found_word(sbx_setup_found found)
{
    static const char *const words[] = {[SBX_SETUP_ABSENT] = "absent",
                                        [SBX_SETUP_OTHER] = "other",
                                        [SBX_SETUP_THERE] = "there",
                                        [SBX_SETUP_UNKNOWN] = "unknown"};
    return words[found];
}

void sbx_setup_list_print(sbx_text *out, const sbx_setup_item *list, size_t count,
                          const sbx_setup_found *found)
{
    for (size_t i = 0; i < count; i++)
        sbx_text_add_format(out, "%s\t%s\t%s%s%s\n", found_word(found[i]),
                            sbx_setup_kind_word(list[i].kind), list[i].name,
                            list[i].about != NULL ? "\t" : "", about(&list[i]));
}

void sbx_setup_list_print_json(sbx_json *json, const char *key, const sbx_setup_item *list,
                               size_t count, const sbx_setup_found *found)
{
    sbx_json_open_array(json, key);
    for (size_t i = 0; i < count; i++) {
        sbx_json_open_object(json, NULL);
        sbx_json_string(json, "state", found_word(found[i]));
        sbx_json_string(json, "kind", sbx_setup_kind_word(list[i].kind));
        sbx_json_string(json, "name", list[i].name);
        sbx_json_string(json, "about", list[i].about);
        sbx_json_close_object(json);
    }
    sbx_json_close_array(json);
}

/* --- and back --- */

static sbx_status take_one(const sbx_setup_item *item, const sbx_setup_os *os, sbx_error *err)
{
    sbx_setup_found found = SBX_SETUP_ABSENT;
    uint32_t code = os->find(&found, item);

    if (code != 0)
        return fail(err, code, "look for", item, os);
    if (found == SBX_SETUP_ABSENT)
        return SBX_OK;
    if ((code = os->take(item)) != 0)
        return fail(err, code, "take away", item, os);
    if ((code = os->find(&found, item)) != 0)
        return fail(err, code, "look again for", item, os);
    if (found == SBX_SETUP_ABSENT)
        return SBX_OK;
    return sbx_fail_plain(err, SBX_IO, SBX_STEP_IDENTITY,
                          "the %s %s is still there after it was taken away",
                          sbx_setup_kind_word(item->kind), item->name);
}

sbx_status sbx_setup_list_take(const sbx_setup_item *list, size_t count, const bool *only,
                               const sbx_setup_os *os, sbx_error *err)
{
    sbx_status first = SBX_OK;

    for (size_t i = count; i-- > 0;) {
        sbx_error own;
        sbx_status st = SBX_OK;

        if (only == NULL || only[i])
            st = take_one(&list[i], os, &own);

        if (first == SBX_OK && st != SBX_OK) {
            first = st;
            if (err != NULL)
                *err = own;
        }
    }
    return first;
}
