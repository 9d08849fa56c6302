/* What stands on the host for the run: entries at its roots and protected names, and directories made for it. */
#include <stdlib.h>
#include <string.h>

#include "harness/policy/windows/lease.h"
#include "harness/target/windows/steps.h"

/* --- looking --- */

static bool is_same_path(const char *one, const char *other)
{
    return one == other || strcmp(one, other) == 0; /* both are the plan's own */
}

static sbx_status open_one(sbx_entry_place *item, const sbx_target_os *os, sbx_error *err)
{
    const char *path = item->step.path;
    sbx_os_code code = os->open_place(&item->handle, &item->about, path);

    if (code != 0)
        return sbx_fail_os(err, SBX_REFUSED, SBX_STEP_MOUNT, code,
                           "open %s to say what the command may do there (only who may change its "
                           "permissions can)",
                           path);
    if (item->about.is_link || item->about.is_elsewhere ||
        item->about.is_directory != item->step.is_directory)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_MOUNT,
                              "%s is not what it was when it was looked at: somebody replaced it, "
                              "or put a link in its way",
                              path);
    return SBX_OK;
}

static char *print_lease(const sbx_entry_place *item)
{
    sbx_lease lease = {.volume = item->about.volume,
                       .kind = item->step.ace.kind,
                       .mask = item->step.ace.mask,
                       .flags = item->step.ace.flags,
                       .is_made = item->step.is_made,
                       .path = item->step.path};
    sbx_text text = {0};

    memcpy(lease.file_id, item->about.file_id, sizeof(lease.file_id));
    if (strlen(item->step.ace.sid) >= sizeof(lease.sid))
        return NULL;
    memcpy(lease.sid, item->step.ace.sid, strlen(item->step.ace.sid) + 1);
    sbx_lease_print(&text, &lease);
    if (text.failed)
        sbx_text_done(&text);
    return text.data;
}

static sbx_status list_items(sbx_entries *out, const sbx_plan *plan, const sbx_ace_sids *sids,
                             sbx_error *err)
{
    sbx_ace_step *steps = calloc(SBX_ACE_STEPS_MAX, sizeof(*steps));
    size_t count = steps == NULL ? 0 : sbx_ace_plan(steps, SBX_ACE_STEPS_MAX, plan, sids);

    out->item = calloc(count + 1, sizeof(*out->item));
    out->lease = calloc(count + 1, sizeof(*out->lease));
    for (size_t i = 0; out->item != NULL && i < count; i++) {
        bool is_temp = plan->temp_path != NULL && is_same_path(steps[i].path, plan->temp_path);
        sbx_entry_place *item = &out->item[out->count];

        if (!out->must_hold && !is_temp)
            continue; /* a host that keeps no entries would hold nothing by them */
        item->step = steps[i];
        item->makes = steps[i].is_made &&
                      (out->count == 0 || !is_same_path(item[-1].step.path, steps[i].path));
        out->count++;
    }
    free(steps);
    if (out->item == NULL || out->lease == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_MOUNT, "no memory for the entries");
    return SBX_OK;
}

sbx_status sbx_entries_list(sbx_entries *out, const sbx_plan *plan, const sbx_ace_sids *sids,
                            const char *user, bool must_hold, const sbx_target_os *os,
                            sbx_error *err)
{
    sbx_status st;

    *out = (sbx_entries){
        .temp_path = plan->temp_path, .user = user, .run = sids->run, .must_hold = must_hold};
    st = list_items(out, plan, sids, err);
    for (size_t i = 0; st == SBX_OK && i < out->count; i++) {
        if (!out->item[i].step.is_made)
            st = open_one(&out->item[i], os, err);
        if (st == SBX_OK && (out->lease[i] = print_lease(&out->item[i])) == NULL)
            st = sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_MOUNT, "no memory for the entries");
    }
    return st;
}

/* --- setting --- */

static sbx_status check_one(const sbx_entry_place *item, const sbx_target_os *os, sbx_error *err)
{
    size_t count = 0;
    sbx_os_code code = os->count_aces(&count, item->handle, &item->step.ace);

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "read the entries of %s back",
                           item->step.path);
    if (count == 0)
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_MOUNT,
                              "an entry of %s did not read back as it was set: its file system "
                              "does not keep it",
                              item->step.path);
    return SBX_OK;
}

static bool is_temp_of(const sbx_entries *entries, const char *path)
{
    return entries->temp_path != NULL && is_same_path(path, entries->temp_path);
}

/* Born with all its entries, for the caller, the system and administrators beside them. */
static sbx_status make_one(sbx_entries *entries, size_t first, const sbx_target_os *os,
                           sbx_error *err)
{
    static const unsigned below = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT;
    sbx_entry_place *item = &entries->item[first];
    const char *path = item->step.path;
    sbx_ace aces[SBX_OS_LIST_MAX];
    size_t count = 0, own;
    sbx_os_code code;

    for (size_t i = first; i < entries->count && is_same_path(entries->item[i].step.path, path) &&
                           count < SBX_OS_LIST_MAX - 4;
         i++)
        aces[count++] = entries->item[i].step.ace;
    own = count;
    aces[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, below, SBX_SID_SYSTEM};
    aces[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, below, SBX_SID_ADMINISTRATORS};
    aces[count++] = (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, below, entries->user};
    if (!is_temp_of(entries, path)) {
        item->is_set = true; /* a half of it may be there: what is not ours is left alone later */
        aces[count++] = sbx_ace_of_stand_in();
        return sbx_share_make(&item->was_made, path, aces, own, aces, count, os, err);
    }
    code = os->make_directory(path, aces, count);
    if (code == 0)
        return SBX_OK;
    return sbx_fail_os(err, code == SBX_OS_EXISTS ? SBX_REFUSED : SBX_IO, SBX_STEP_MOUNT, code,
                       "make the directory %s for the run", path);
}

static sbx_status set_one(sbx_entries *entries, size_t i, const sbx_target_os *os, sbx_error *err)
{
    sbx_entry_place *item = &entries->item[i];
    sbx_os_code code;
    sbx_status st;

    if (item->step.is_made) {
        if (item->makes && (st = make_one(entries, i, os, err)) != SBX_OK)
            return st;
        item->is_set = true; /* there is something to undo from here on */
        if (!entries->must_hold)
            return SBX_OK;
        if ((st = open_one(item, os, err)) != SBX_OK)
            return st;
        return check_one(item, os, err);
    }
    code = sbx_share_add(item->handle, &item->step.ace, os);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "set an entry of %s",
                           item->step.path);
    item->is_set = true;
    return check_one(item, os, err);
}

sbx_status sbx_entries_set(sbx_entries *entries, const sbx_target_os *os, sbx_error *err)
{
    sbx_status st = SBX_OK;

    for (size_t i = 0; st == SBX_OK && i < entries->count; i++)
        st = set_one(entries, i, os, err);
    return st;
}

/* --- taking away --- */

static void close_one(sbx_entry_place *item, const sbx_target_os *os)
{
    if (item->handle != NULL)
        os->close(item->handle);
    item->handle = NULL;
}

sbx_status sbx_entry_remove(sbx_handle place, const sbx_ace *ace, const char *path,
                            const sbx_target_os *os, sbx_error *err)
{
    size_t count = 0;
    sbx_os_code code = os->remove_ace(place, ace);

    if (code == 0)
        code = os->count_aces(&count, place, ace);
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code,
                           "take away the entry for %s (nobody has that SID any more) from %s",
                           ace->sid, path);
    if (count > 0)
        return sbx_fail_plain(err, SBX_IO, SBX_STEP_MOUNT,
                              "the entry for %s (nobody has that SID any more) is still on %s "
                              "after it was taken away",
                              ace->sid, path);
    return SBX_OK;
}

static bool is_gone(sbx_os_code code)
{
    return code == SBX_OS_NOT_FOUND || code == SBX_OS_PATH_NOT_FOUND;
}

static sbx_status remove_temp(const char *path, const sbx_target_os *os, sbx_error *err)
{
    sbx_os_code code = os->remove_tree(path);

    if (code == 0 || is_gone(code))
        return SBX_OK;
    return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "take away the directory %s", path);
}

/* One that is open while its directory is taken away would keep the name, from another run too. */
static void close_all_of(sbx_entries *entries, const char *path, const sbx_target_os *os)
{
    for (size_t i = 0; i < entries->count; i++)
        if (is_same_path(entries->item[i].step.path, path))
            close_one(&entries->item[i], os);
}

static sbx_status undo_one(sbx_entries *entries, sbx_entry_place *item, const sbx_target_os *os,
                           sbx_error *err)
{
    const sbx_ace_step *step = &item->step;

    if (!item->is_set)
        return SBX_OK;
    item->is_set = false;
    if (!step->is_made)
        return sbx_share_remove(item->handle, &step->ace, entries->run, step->path, os, err);
    close_all_of(entries, step->path, os);
    if (!is_temp_of(entries, step->path))
        return sbx_share_leave(step->path, &step->ace, entries->run, item->was_made, os, err);
    return item->makes ? remove_temp(step->path, os, err) : SBX_OK;
}

sbx_status sbx_entries_undo(sbx_entries *entries, const sbx_target_os *os, sbx_error *err)
{
    sbx_status first = SBX_OK;

    for (size_t i = entries->count; i-- > 0;) {
        sbx_error own;
        sbx_status st = undo_one(entries, &entries->item[i], os, &own);

        close_one(&entries->item[i], os);
        if (first == SBX_OK && st != SBX_OK) {
            first = st;
            if (err != NULL)
                *err = own;
        }
    }
    return first;
}

void sbx_entries_done(sbx_entries *entries, const sbx_target_os *os)
{
    for (size_t i = 0; entries->item != NULL && i < entries->count; i++)
        close_one(&entries->item[i], os);
    for (size_t i = 0; entries->lease != NULL && entries->lease[i] != NULL; i++)
        free(entries->lease[i]);
    free(entries->lease);
    free(entries->item);
    *entries = (sbx_entries){0};
}

/* --- what a killed run left --- */

/* …/sbx/temp/RUN-ID: what is in such a place is nobody's but a run's. */
static bool is_temp_place(const char *path)
{
    enum { ID_BYTES = 26 };
    static const char folder[] = "/sbx/temp/";
    size_t bytes = strlen(path), folder_bytes = sizeof(folder) - 1;
    const char *id;

    if (bytes < folder_bytes + ID_BYTES)
        return false;
    id = path + bytes - ID_BYTES;
    if (strspn(id, "0123456789ABCDEFGHJKMNPQRSTVWXYZ") != ID_BYTES)
        return false;
    return memcmp(id - folder_bytes, folder, folder_bytes) == 0;
}

sbx_status sbx_entries_release(const char *lease_line, const sbx_target_os *os, sbx_error *err)
{
    sbx_lease lease;
    sbx_ace ace;
    const char *run;
    sbx_handle place = NULL;
    sbx_os_code code;
    sbx_status st;

    if (!sbx_lease_parse(&lease, lease_line))
        return sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_MOUNT, "not a lease: %s", lease_line);
    ace = (sbx_ace){lease.kind, lease.mask, lease.flags, lease.sid};
    run = sbx_sid_is_run(ace.sid) ? ace.sid
                                  : ""; /* the group's comes behind its run's, which is gone then */
    if (lease.is_made && is_temp_place(lease.path))
        return remove_temp(lease.path, os, err);
    if (lease.is_made)
        return sbx_share_leave(lease.path, &ace, run, false, os, err);
    code = os->open_file_id(&place, lease.path, lease.volume, lease.file_id);
    if (is_gone(code))
        return SBX_OK; /* deleted since, and its entries with it */
    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "find again what was %s", lease.path);
    st = sbx_share_remove(place, &ace, run, lease.path, os, err);
    os->close(place);
    return st;
}
