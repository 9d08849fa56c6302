/* See grants.h. */
#include "harness/setup/windows/grants.h"

#include <stdlib.h>
#include <string.h>

#include "harness/policy/policy.h"
#include "harness/policy/windows/lease.h"
#include "harness/target/windows/steps.h"

/* Names of Windows have no case. Letters beyond ASCII do not come up: the built-in names have none. */
static bool is_same_name(const char *one, const char *other, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        char a = one[i], b = other[i];

        if (a >= 'A' && a <= 'Z')
            a = (char)(a - 'A' + 'a');
        if (b >= 'A' && b <= 'Z')
            b = (char)(b - 'A' + 'a');
        if (a != b || a == '\0')
            return false;
    }
    return true;
}

/* name is the first part of that secret. */
static bool holds(const char *name, const char *secret)
{
    size_t bytes = strlen(name);

    if (strncmp(secret, "~/", 2) != 0 || strlen(secret + 2) < bytes)
        return false;
    return is_same_name(name, secret + 2, bytes) &&
           (secret[2 + bytes] == '\0' || secret[2 + bytes] == '/');
}

bool sbx_grants_takes(const char *name)
{
    static const char programs[] = "AppData";

    if (name[0] == '\0' || strpbrk(name, "/\\:") != NULL || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0 ||
        (strlen(name) == strlen(programs) && is_same_name(name, programs, strlen(programs))))
        return false;
    for (const char *const *secret = sbx_policy_secrets(); *secret != NULL; secret++)
        if (holds(name, *secret))
            return false;
    return true;
}

/* --- the places --- */

typedef struct pass {
    sbx_grants *grants;
    const sbx_grants_wish *wish;
    const sbx_target_os *os;
    sbx_status first; /* the first failure */
    sbx_error *err;
} pass;

static void note(pass *self, sbx_status st, const sbx_error *own)
{
    if (self->first != SBX_OK || st == SBX_OK)
        return;
    self->first = st;
    if (self->err != NULL)
        *self->err = *own;
}

static sbx_ace entry_of(const pass *self, bool is_whole)
{
    if (is_whole)
        return (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_READ | SBX_FILE_EXECUTE,
                         SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT, self->wish->group};
    return (sbx_ace){SBX_ACE_ALLOW,
                     SBX_RIGHT_EXECUTE | SBX_RIGHT_READ_ATTRIBUTES | SBX_RIGHT_READ_CONTROL |
                         SBX_RIGHT_SYNCHRONIZE,
                     0, self->wish->group};
}

/* What is done at each place. */
typedef sbx_status (*at_place)(pass *self, sbx_handle place, const sbx_os_place *about,
                               const sbx_ace *ace, const char *path, sbx_error *err);

static sbx_status visit(pass *self, const char *path, bool is_whole, at_place what, sbx_error *err)
{
    const sbx_ace ace = entry_of(self, is_whole);
    sbx_os_place about;
    sbx_handle place = NULL;
    sbx_os_code code = self->os->open_place(&place, &about, path);
    sbx_status st = SBX_OK;

    if (code == SBX_OS_NOT_FOUND || code == SBX_OS_PATH_NOT_FOUND)
        return SBX_OK;
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code,
                           "open %s to let the sandbox users read it", path);
    if (about.is_directory && !about.is_link && !about.is_elsewhere)
        st = what(self, place, &about, &ace, path, err);
    self->os->close(place);
    return st;
}

static void visit_below(pass *self, const char *below, bool is_whole, at_place what)
{
    sbx_text path = {0};
    sbx_error own;
    sbx_status st;

    sbx_text_add_format(&path, "%s%s%s", self->wish->profile, below[0] == '\0' ? "" : "/", below);
    st = sbx_text_check(&path, &own);
    if (st == SBX_OK)
        st = visit(self, sbx_text_string(&path), is_whole, what, &own);
    note(self, st, &own);
    sbx_text_done(&path);
}

static void visit_all(pass *self, at_place what)
{
    visit_below(self, "", false, what);
    visit_below(self, "AppData", false, what);
    visit_below(self, "AppData/Local", false, what);
    visit_below(self, "AppData/Local/Programs", true, what);
    for (const char *const *name = self->wish->children; *name != NULL; name++)
        if (sbx_grants_takes(*name))
            visit_below(self, *name, true, what);
}

/* --- setting --- */

static sbx_status print_lease(sbx_text *out, const sbx_os_place *about, const sbx_ace *ace,
                              const char *path, sbx_error *err)
{
    sbx_lease lease = {.volume = about->volume,
                       .kind = ace->kind,
                       .mask = ace->mask,
                       .flags = ace->flags,
                       .path = path};

    if (strlen(ace->sid) >= sizeof(lease.sid))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_IDENTITY, "%s: is no SID", ace->sid);
    memcpy(lease.sid, ace->sid, strlen(ace->sid) + 1);
    memcpy(lease.file_id, about->file_id, sizeof(lease.file_id));
    sbx_lease_print(out, &lease);
    return sbx_text_check(out, err);
}

static sbx_status list_one(pass *self, sbx_handle place, const sbx_os_place *about,
                           const sbx_ace *ace, const char *path, sbx_error *err)
{
    sbx_text line = {0};
    sbx_status st = print_lease(&line, about, ace, path, err);

    (void)place;
    if (st == SBX_OK)
        st = sbx_grants_add(self->grants, sbx_text_string(&line), err);
    sbx_text_done(&line);
    return st;
}

/* Somebody may have put another directory there since it was listed. */
static sbx_status check_listed(const pass *self, const sbx_os_place *about, const sbx_ace *ace,
                               const char *path, sbx_error *err)
{
    sbx_text line = {0};
    sbx_status st = print_lease(&line, about, ace, path, err);
    bool is_listed = false;

    for (size_t i = 0; st == SBX_OK && i < self->grants->count; i++)
        is_listed |= strcmp(self->grants->lease[i], sbx_text_string(&line)) == 0;
    if (st == SBX_OK && !is_listed)
        st = sbx_fail_plain(err, SBX_BUSY, SBX_STEP_IDENTITY,
                            "%s is another directory than a moment ago — sbx-setup grants", path);
    sbx_text_done(&line);
    return st;
}

static sbx_status set_one(pass *self, sbx_handle place, const sbx_os_place *about,
                          const sbx_ace *ace, const char *path, sbx_error *err)
{
    size_t count = 0;
    sbx_status st = check_listed(self, about, ace, path, err);
    sbx_os_code code;

    if (st != SBX_OK)
        return st;
    code = self->os->count_aces(&count, place, ace);
    if (code == 0 && count > 0)
        return SBX_OK;
    if (code == 0)
        code = self->os->add_ace(place, ace);
    if (code == 0)
        code = self->os->count_aces(&count, place, ace);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_IDENTITY, code, "let the sandbox users read %s",
                           path);
    if (count == 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_IDENTITY,
                              "the entry of %s for the sandbox users did not read back: its file "
                              "system does not keep it",
                              path);
    return SBX_OK;
}

sbx_status sbx_grants_set(sbx_grants *grants, const sbx_grants_wish *wish, const sbx_target_os *os,
                          sbx_grants_save save, void *context, sbx_error *err)
{
    pass self = {.grants = grants, .wish = wish, .os = os, .err = err};
    sbx_status st;

    /* All of the list is durable before the first entry is set: one that is listed twice was never two. */
    visit_all(&self, list_one);
    if ((st = save(grants, context, self.first == SBX_OK ? err : NULL)) != SBX_OK)
        return self.first == SBX_OK ? st : self.first;
    visit_all(&self, set_one);
    return self.first;
}

/* --- and back --- */

sbx_status sbx_grants_revoke(sbx_grants *grants, const sbx_target_os *os, sbx_grants_save save,
                             void *context, sbx_error *err)
{
    pass self = {.grants = grants, .os = os, .err = err};
    sbx_error own;

    for (size_t i = grants->count; i-- > 0;) {
        sbx_status st = sbx_entries_release(grants->lease[i], os, &own);

        if (st == SBX_OK)
            sbx_grants_drop(grants, i);
        note(&self, st, &own);
    }
    note(&self, save(grants, context, &own), &own);
    return self.first;
}
