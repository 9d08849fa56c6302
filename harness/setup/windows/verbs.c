/* See verbs.h. */
#include "harness/setup/windows/verbs.h"

#include <string.h>

#include "harness/base/clock.h"
#include "harness/setup/windows/audit.h"
#include "harness/setup/windows/caller.h"
#include "harness/setup/windows/killed_runs.h"
#include "harness/setup/windows/os.h"
#include "harness/setup/windows/pass.h"
#include "harness/setup/windows/secret.h"
#include "harness/setup/windows/state_file.h"

enum { SETUP_WAIT_MS = 10000, PASS_WAIT_MS = 60000 };

static const char *const users[] = {SBX_SETUP_OFFLINE, SBX_SETUP_ONLINE};

const char *sbx_setup_verb_word(sbx_setup_verb verb)
{
    static const char *const words[] = {[SBX_SETUP_INSTALL] = "install",
                                        [SBX_SETUP_STATUS] = "status",
                                        [SBX_SETUP_REPAIR] = "repair",
                                        [SBX_SETUP_UNINSTALL] = "uninstall",
                                        [SBX_SETUP_GRANTS] = "grants"};
    return words[verb];
}

/* The state of an earlier setup, if that was this user's. */
static sbx_status load_own(sbx_state *out, bool *out_exists, sbx_error *err)
{
    char user[SBX_SID_TEXT_BYTES];
    sbx_status st = sbx_security_user(user, err);

    if (st == SBX_OK)
        st = sbx_state_load(out, out_exists, err);
    if (st == SBX_OK && *out_exists && strcmp(out->owner, user) != 0)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                            "the user %s has set up this machine for sbx, and the passwords are "
                            "kept for that one — let that user uninstall first",
                            out->owner);
    return st;
}

/* --- install and repair --- */

static sbx_status begin(sbx_state *state, sbx_state *out_before, bool *out_is_first, bool is_repair,
                        sbx_error *err)
{
    bool exists = false;
    sbx_status st = load_own(state, &exists, err);

    *out_is_first = !exists;
    if (st == SBX_OK && !exists && is_repair)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                            "there is nothing to repair: nothing was set up — sbx-setup install");
    if (st == SBX_OK && !exists) {
        state->made_us = sbx_clock_utc_us();
        st = sbx_security_user(state->owner, err);
    }
    *out_before = *state;
    state->is_complete = false;
    return st == SBX_OK ? sbx_state_save(state, err) : st;
}

static sbx_status complete(sbx_state *state, sbx_error *err)
{
    uint32_t code = sbx_setup_sid(state->group, SBX_SETUP_GROUP);

    if (code == 0)
        code = sbx_setup_sid(state->offline, SBX_SETUP_OFFLINE);
    if (code == 0)
        code = sbx_setup_sid(state->online, SBX_SETUP_ONLINE);
    if (code != 0)
        return sbx_fail(err, SBX_IO, SBX_STEP_IDENTITY, SBX_OS_WIN32, (int)code,
                        "reading the SIDs of what was made back");
    state->is_complete = true;
    return sbx_state_save(state, err);
}

static sbx_status save(void *context, sbx_error *err)
{
    const sbx_state *state = context;

    return sbx_state_save(state, err);
}

/* What of it is missing is remembered before it is put there: who is ended in here leaves it to the next uninstall. */
static sbx_status put_audits(sbx_state *state, const sbx_state *before, sbx_error *err)
{
    sbx_status st =
        sbx_setup_audit_install(state->audit_is_ours, &sbx_setup_os_real, save, state, err);

    if (st == SBX_OK)
        return st;
    state->audits = before->audits;
    state->is_complete = before->is_complete;
    (void)!sbx_state_save(state, NULL); /* the first failure is told */
    return st;
}

/* The lock is held. What a first one that fails has put anywhere is gone when this returns. */
static sbx_status put_all(bool is_repair, bool wants_audits, sbx_error *err)
{
    sbx_state state = {.made_us = 0}, before;
    bool is_first = false;
    sbx_status st = begin(&state, &before, &is_first, is_repair, err);

    if (st != SBX_OK)
        return st;
    st = sbx_setup_install(&sbx_setup_os_real, err);
    if (st != SBX_OK) {
        if (is_first)
            (void)!sbx_state_remove(NULL);
        return st;
    }
    state.audits |= wants_audits;
    if (state.audits)
        st = put_audits(&state, &before, err);
    if (st == SBX_OK)
        st = complete(&state, err);
    if (st == SBX_OK || !is_first)
        return st;
    (void)!sbx_setup_audit_uninstall(state.audit_is_ours, &sbx_setup_os_real, NULL);
    (void)!sbx_setup_uninstall(&sbx_setup_os_real, NULL); /* the first failure is told */
    (void)!sbx_state_remove(NULL);
    return st;
}

static void add_word(sbx_text *out, sbx_json *json, const char *key, const char *word)
{
    if (json != NULL)
        sbx_json_string(json, key, word);
    else
        sbx_text_add_format(out, "%s\t%s\n", key, word);
}

static sbx_status release_killed(sbx_text *out, sbx_json *json, sbx_error *err)
{
    sbx_killed_runs killed;
    sbx_status st = sbx_killed_runs_release(&killed, err);

    if (json != NULL) {
        sbx_json_unsigned(json, "released", killed.released);
        sbx_json_unsigned(json, "not_released", killed.kept);
    } else {
        sbx_text_add_format(out, "%zu released, %zu not\tleft by killed runs\n", killed.released,
                            killed.kept);
    }
    return st;
}

static sbx_status install(sbx_text *out, sbx_json *json, bool is_repair, bool wants_audits,
                          sbx_error *err)
{
    sbx_state_lock lock = NULL;
    sbx_status st = sbx_setup_caller_check(err);

    if (st != SBX_OK)
        return st;
    st = sbx_state_lock_take(&lock, SBX_STATE_LOCK_SETUP, SETUP_WAIT_MS, err);
    if (st == SBX_OK)
        st = put_all(is_repair, wants_audits, err);
    sbx_state_lock_give(&lock);
    if (st != SBX_OK) {
        (void)!sbx_state_remove_folder(NULL); /* where nothing is in it */
        return st;
    }
    add_word(out, json, "setup", "complete");
    if (is_repair && (st = release_killed(out, json, err)) != SBX_OK)
        return st;
    if ((st = sbx_setup_pass_start(err)) == SBX_OK)
        add_word(out, json, "grants", "started");
    return st;
}

/* --- status --- */

/* NULL: as it should be. */
static const char *compare_state(const sbx_state *state, bool exists)
{
    const struct {
        const char *name, *sid;
    } wanted[] = {{SBX_SETUP_GROUP, state->group},
                  {SBX_SETUP_OFFLINE, state->offline},
                  {SBX_SETUP_ONLINE, state->online}};
    char sid[SBX_SID_TEXT_BYTES];

    if (!exists)
        return "absent";
    if (!state->is_complete)
        return "incomplete"; /* a setup failed, or was ended: repair */
    if (sbx_security_user(sid, NULL) != SBX_OK || strcmp(sid, state->owner) != 0)
        return "of another user";
    for (size_t i = 0; i < SBX_COUNT_OF(wanted); i++)
        if (sbx_setup_sid(sid, wanted[i].name) != 0 || strcmp(sid, wanted[i].sid) != 0)
            return "other"; /* somebody has made an account of that name since */
    return NULL;
}

static const char *grants_word(const sbx_grants *grants)
{
    if (grants->phase == SBX_GRANTS_IN_PROGRESS && !sbx_state_lock_is_held(SBX_STATE_LOCK_GRANTS))
        return "ended before its end";
    return sbx_grants_phase_word(grants->phase);
}

/* audits NULL: not asked for; then nothing is said of what the owner of the machine may have switched on. */
static void add_audits(sbx_text *out, sbx_json *json, const sbx_setup_found *audits)
{
    if (json != NULL)
        sbx_setup_audit_print_json(json, "audits", audits);
    else if (audits != NULL)
        sbx_setup_audit_print(out, audits);
}

static void add_status(sbx_text *out, sbx_json *json, const sbx_setup_found *found,
                       const sbx_setup_found *audits, const char *state_word,
                       const sbx_grants *grants)
{
    if (json != NULL) {
        sbx_setup_print_json(json, "things", found);
        add_audits(out, json, audits);
        sbx_json_string(json, "setup", state_word);
        sbx_json_string(json, "grants", grants_word(grants));
        sbx_json_string(json, "grants_why", grants->why[0] == '\0' ? NULL : grants->why);
        sbx_json_unsigned(json, "grants_entries", grants->count);
        return;
    }
    sbx_setup_print(out, found);
    add_audits(out, json, audits);
    sbx_text_add_format(out, "%s\tsetup\n", state_word);
    sbx_text_add_format(out, "%s\tgrants\t%zu entries%s%s\n", grants_word(grants), grants->count,
                        grants->why[0] == '\0' ? "" : "\t", grants->why);
}

static sbx_status look(sbx_setup_found *found, sbx_setup_found *audits, bool *out_is_complete,
                       bool wants_audits, sbx_error *err)
{
    const sbx_setup_os *os = &sbx_setup_os_real;
    sbx_status st = sbx_setup_look(found, out_is_complete, os, err), other = SBX_OK;
    bool is_told = true;
    sbx_error own;

    if (wants_audits)
        other = sbx_setup_audit_look(audits, &is_told, os, st == SBX_OK ? err : &own);
    *out_is_complete &= is_told;
    return st == SBX_OK ? other : st;
}

static sbx_status status(sbx_text *out, sbx_json *json, bool *out_is_complete, sbx_error *err)
{
    sbx_setup_found found[SBX_SETUP_ITEMS_MAX], audits[SBX_SETUP_AUDITS];
    sbx_grants grants = {.count = 0};
    sbx_state state = {.made_us = 0};
    bool exists = false;
    const char *amiss;
    sbx_status st = sbx_setup_caller_check(err);

    *out_is_complete = false;
    if (st != SBX_OK || (st = sbx_state_load(&state, &exists, err)) != SBX_OK ||
        (st = sbx_grants_load(&grants, err)) != SBX_OK)
        return st;
    st = look(found, audits, out_is_complete, state.audits, err);
    amiss = compare_state(&state, exists);
    add_status(out, json, found, state.audits ? audits : NULL, amiss == NULL ? "complete" : amiss,
               &grants);
    *out_is_complete &= amiss == NULL && grants.phase == SBX_GRANTS_DONE;
    sbx_grants_done(&grants);
    return st;
}

/* --- uninstall --- */

/* Both locks are held. */
static sbx_status take_all(sbx_error *err)
{
    sbx_state state = {.made_us = 0};
    bool exists = false;
    sbx_status st = load_own(&state, &exists, err), undone;
    sbx_error own;

    if (st == SBX_OK)
        st = sbx_setup_is_idle(err);
    for (size_t i = 0; st == SBX_OK && i < SBX_COUNT_OF(users); i++)
        st = sbx_secret_remove(users[i], err);
    if (st != SBX_OK)
        return st;
    st = sbx_setup_pass_undo(err); /* what is left of it stays in the list */
    undone = sbx_setup_audit_uninstall(state.audit_is_ours, &sbx_setup_os_real,
                                       st == SBX_OK ? err : &own);
    if (st == SBX_OK)
        st = undone;
    undone = sbx_setup_uninstall(&sbx_setup_os_real, st == SBX_OK ? err : &own);
    if (st == SBX_OK)
        st = undone;
    return st == SBX_OK ? sbx_state_remove(err) : st;
}

static sbx_status uninstall(sbx_text *out, sbx_json *json, sbx_error *err)
{
    sbx_state_lock setup = NULL, pass = NULL;
    sbx_status st = sbx_setup_caller_check(err);

    if (st != SBX_OK)
        return st;
    st = sbx_state_lock_take(&setup, SBX_STATE_LOCK_SETUP, SETUP_WAIT_MS, err);
    if (st == SBX_OK)
        st = sbx_state_lock_take(&pass, SBX_STATE_LOCK_GRANTS, PASS_WAIT_MS, err);
    if (st == SBX_OK)
        st = take_all(err);
    sbx_state_lock_give(&pass);
    sbx_state_lock_give(&setup);
    if (st == SBX_OK)
        st = sbx_state_remove_folder(err);
    else
        (void)!sbx_state_remove_folder(NULL); /* where nothing is in it */
    if (st == SBX_OK)
        add_word(out, json, "setup", "absent");
    return st;
}

/* --- grants --- */

static sbx_status grants(sbx_text *out, sbx_json *json, sbx_error *err)
{
    sbx_state state;
    bool exists = false;
    sbx_status st = sbx_setup_caller_check(err);

    if (st == SBX_OK)
        st = load_own(&state, &exists, err);
    if (st == SBX_OK && !exists)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                            "nothing was set up — sbx-setup install");
    if (st == SBX_OK)
        st = sbx_setup_pass_run(err);
    if (st == SBX_OK)
        add_word(out, json, "grants", "done");
    return st;
}

/* --- the verb --- */

static sbx_status run(sbx_text *out, sbx_json *json, bool *out_is_complete, sbx_setup_verb verb,
                      bool wants_audits, sbx_error *err)
{
    switch (verb) {
    case SBX_SETUP_INSTALL:
    case SBX_SETUP_REPAIR:
        return install(out, json, verb == SBX_SETUP_REPAIR, wants_audits, err);
    case SBX_SETUP_STATUS:
        return status(out, json, out_is_complete, err);
    case SBX_SETUP_UNINSTALL:
        return uninstall(out, json, err);
    default:
        return grants(out, json, err);
    }
}

static void add_outcome(sbx_json *json, sbx_status st, bool is_complete, const sbx_error *err)
{
    sbx_json_bool(json, "ok", st == SBX_OK && is_complete);
    if (st == SBX_OK) {
        sbx_json_null(json, "error");
        return;
    }
    sbx_json_open_object(json, "error");
    sbx_json_string(json, "status", sbx_status_word(err->status));
    sbx_json_string(json, "step", sbx_step_word(err->step));
    sbx_json_signed(json, "os_code", err->os_code);
    sbx_json_string(json, "message", err->message);
    sbx_json_close_object(json);
}

sbx_status sbx_setup_run(sbx_text *out, bool *out_is_complete, sbx_setup_verb verb,
                         const sbx_setup_options *options, sbx_error *err)
{
    sbx_json json;
    sbx_status st;

    *out_is_complete = true;
    if (!options->wants_json)
        return run(out, NULL, out_is_complete, verb, options->audits, err);
    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "verb", sbx_setup_verb_word(verb));
    st = run(out, &json, out_is_complete, verb, options->audits, err);
    add_outcome(&json, st, *out_is_complete, err);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
    return st;
}
