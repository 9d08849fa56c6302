/* See state.h. */
#include "harness/setup/windows/state.h"
#include "harness/base/json_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ENTRIES_MAX = 4096 };

/* --- reading --- */

static sbx_status fail(sbx_error *err, const char *what)
{
    return sbx_fail_plain(
        err, SBX_CORRUPT, SBX_STEP_IDENTITY,
        "what an earlier setup remembered is not readable (%s) — take the files in "
        "ProgramData/sbx away, and set up again",
        what);
}

static sbx_status read_version(json_t *root, sbx_error *err)
{
    const json_t *version = json_object_get(root, "version");

    if (!json_is_object(root) || !json_is_integer(version))
        return fail(err, "no version");
    if (json_integer_value(version) != SBX_STATE_VERSION)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "a setup of another version (%llu) was here — use the sbx-setup of "
                              "that sbx",
                              (unsigned long long)json_integer_value(version));
    return SBX_OK;
}

static bool read_text(char *out, size_t room, const json_t *root, const char *key)
{
    const json_t *found = json_object_get(root, key);
    const char *text = json_string_value(found);
    size_t bytes = text == NULL ? room : strlen(text);

    if (bytes >= room || bytes != json_string_length(found))
        return false;
    memcpy(out, text, bytes + 1);
    return true;
}

static bool read_us(uint64_t *out, const json_t *root, const char *key)
{
    const json_t *found = json_object_get(root, key);

    if (!json_is_integer(found) || json_integer_value(found) < 0)
        return false;
    *out = (uint64_t)json_integer_value(found);
    return true;
}

static bool read_audit_name(sbx_state *out, const json_t *name)
{
    const char *text = json_string_value(name);

    for (size_t i = 0; text != NULL && i < SBX_SETUP_AUDITS; i++)
        if (strcmp(sbx_setup_audit_plan()[i].name, text) == 0) {
            out->audit_is_ours[i] = true;
            return true;
        }
    return false;
}

static bool read_audits(sbx_state *out, const json_t *root)
{
    const json_t *audits = json_object_get(root, "audits");
    const json_t *ours = json_object_get(root, "audits_ours");

    if (audits == NULL && ours == NULL)
        return true;
    if (!json_is_boolean(audits) || !json_is_array(ours))
        return false;
    out->audits = json_is_true(audits);
    for (size_t i = 0; i < json_array_size(ours); i++)
        if (!read_audit_name(out, json_array_get(ours, i)))
            return false; /* one that would be left behind */
    return true;
}

sbx_status sbx_state_parse(sbx_state *out, const char *text, sbx_error *err)
{
    json_t *root = sbx_json_read_string(text, JSON_REJECT_DUPLICATES, NULL);
    const json_t *is_complete = json_object_get(root, "is_complete");
    sbx_status st = read_version(root, err);

    *out = (sbx_state){.made_us = 0};
    if (st == SBX_OK && (!read_text(out->owner, sizeof(out->owner), root, "owner") ||
                         !read_text(out->group, sizeof(out->group), root, "group") ||
                         !read_text(out->offline, sizeof(out->offline), root, "offline") ||
                         !read_text(out->online, sizeof(out->online), root, "online") ||
                         !read_us(&out->made_us, root, "made_us") ||
                         !json_is_boolean(is_complete) || !read_audits(out, root)))
        st = fail(err, "setup.json");
    out->is_complete = json_is_true(is_complete);
    json_decref(root);
    return st;
}

static bool read_phase(sbx_grants_phase *out, const json_t *root)
{
    const char *word = json_string_value(json_object_get(root, "phase"));

    for (int phase = SBX_GRANTS_NONE; word != NULL && phase <= SBX_GRANTS_FAILED; phase++)
        if (strcmp(word, sbx_grants_phase_word((sbx_grants_phase)phase)) == 0) {
            *out = (sbx_grants_phase)phase;
            return true;
        }
    return false;
}

static sbx_status read_entries(sbx_grants *out, const json_t *root, sbx_error *err)
{
    const json_t *entries = json_object_get(root, "entries");
    sbx_status st = SBX_OK;

    if (!json_is_array(entries) || json_array_size(entries) > ENTRIES_MAX)
        return fail(err, "grants.json");
    for (size_t i = 0; st == SBX_OK && i < json_array_size(entries); i++) {
        const char *lease = json_string_value(json_array_get(entries, i));

        st = lease == NULL ? fail(err, "grants.json") : sbx_grants_add(out, lease, err);
    }
    return st;
}

sbx_status sbx_grants_parse(sbx_grants *out, const char *text, sbx_error *err)
{
    json_t *root = sbx_json_read_string(text, JSON_REJECT_DUPLICATES, NULL);
    sbx_status st = read_version(root, err);

    *out = (sbx_grants){.count = 0};
    if (st == SBX_OK &&
        (!read_phase(&out->phase, root) || !read_text(out->why, sizeof(out->why), root, "why") ||
         !read_us(&out->changed_us, root, "changed_us")))
        st = fail(err, "grants.json");
    if (st == SBX_OK)
        st = read_entries(out, root, err);
    if (st != SBX_OK)
        sbx_grants_done(out);
    json_decref(root);
    return st;
}

/* --- writing --- */

void sbx_state_print(sbx_text *out, const sbx_state *state)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_unsigned(&json, "version", SBX_STATE_VERSION);
    sbx_json_string(&json, "sbx", SBX_VERSION);
    sbx_json_string(&json, "owner", state->owner);
    sbx_json_unsigned(&json, "made_us", state->made_us);
    sbx_json_bool(&json, "is_complete", state->is_complete);
    sbx_json_string(&json, "group", state->group);
    sbx_json_string(&json, "offline", state->offline);
    sbx_json_string(&json, "online", state->online);
    sbx_json_bool(&json, "audits", state->audits);
    sbx_json_open_array(&json, "audits_ours");
    for (size_t i = 0; i < SBX_SETUP_AUDITS; i++)
        if (state->audit_is_ours[i])
            sbx_json_string(&json, NULL, sbx_setup_audit_plan()[i].name);
    sbx_json_close_array(&json);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

const char *sbx_grants_phase_word(sbx_grants_phase phase)
{
    static const char *const words[] = {[SBX_GRANTS_NONE] = "none",
                                        [SBX_GRANTS_IN_PROGRESS] = "in progress",
                                        [SBX_GRANTS_DONE] = "done",
                                        [SBX_GRANTS_FAILED] = "failed"};
    return words[phase];
}

void sbx_grants_print(sbx_text *out, const sbx_grants *grants)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_unsigned(&json, "version", SBX_STATE_VERSION);
    sbx_json_string(&json, "phase", sbx_grants_phase_word(grants->phase));
    sbx_json_string(&json, "why", grants->why);
    sbx_json_unsigned(&json, "changed_us", grants->changed_us);
    sbx_json_open_array(&json, "entries");
    for (size_t i = 0; i < grants->count; i++)
        sbx_json_string(&json, NULL, grants->lease[i]);
    sbx_json_close_array(&json);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

/* --- the list --- */

sbx_status sbx_grants_add(sbx_grants *grants, const char *lease, sbx_error *err)
{
    char *copy, **longer;

    for (size_t i = 0; i < grants->count; i++)
        if (strcmp(grants->lease[i], lease) == 0)
            return SBX_OK;
    copy = strdup(lease);
    longer = realloc(grants->lease, (grants->count + 1) * sizeof(*longer));
    if (longer != NULL)
        grants->lease = longer;
    if (copy == NULL || longer == NULL) {
        free(copy);
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_IDENTITY, "no memory for the entries");
    }
    grants->lease[grants->count++] = copy;
    return SBX_OK;
}

void sbx_grants_drop(sbx_grants *grants, size_t index)
{
    free(grants->lease[index]);
    grants->count--;
    memmove(&grants->lease[index], &grants->lease[index + 1],
            (grants->count - index) * sizeof(*grants->lease));
}

void sbx_grants_done(sbx_grants *grants)
{
    for (size_t i = 0; i < grants->count; i++)
        free(grants->lease[i]);
    free(grants->lease);
    *grants = (sbx_grants){.count = 0};
}
