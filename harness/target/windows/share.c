/*
 * What several runs have at one place. The directory that stands in for an absent name and the entries of the sandbox
 * users' group are no run's own: each run has an entry of its own beside them, and who takes the last such entry away takes
 * them too. The list is what counts, so that neither a database nor a process has to be asked who lives: what a killed run
 * has left counts until its lease is released. Looking and changing is one step, under the lock of this user's processes.
 */
#include "harness/target/windows/steps.h"

static sbx_status lock(sbx_handle *out, const char *path, const sbx_target_os *os, sbx_error *err)
{
    sbx_os_code code = os->lock_places(out);

    if (code == 0)
        return SBX_OK;
    return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code,
                       "wait for the other runs of this user at %s", path);
}

static bool is_gone(sbx_os_code code)
{
    return code == SBX_OS_NOT_FOUND || code == SBX_OS_PATH_NOT_FOUND;
}

/* --- a directory that stands in for a name --- */

static sbx_status refuse(const char *path, sbx_os_code code, sbx_error *err)
{
    return sbx_fail_os(err, code == SBX_OS_EXISTS ? SBX_REFUSED : SBX_IO, SBX_STEP_MOUNT, code,
                       "make the directory %s for the run", path);
}

/* Another run has made it, which its mark says; somebody else's directory is left alone. */
static sbx_status join(const char *path, const sbx_ace *own, size_t count, const sbx_target_os *os,
                       sbx_error *err)
{
    const sbx_ace mark = sbx_ace_of_stand_in();
    sbx_os_place about;
    sbx_handle place = NULL;
    size_t marks = 0;
    sbx_os_code code = os->open_place(&place, &about, path);

    if (code == 0)
        code = os->count_aces(&marks, place, &mark);
    if (code == 0 && (marks == 0 || about.is_link || about.is_elsewhere || !about.is_directory))
        code = SBX_OS_EXISTS;
    for (size_t i = 0; code == 0 && i < count; i++)
        code = sbx_share_add(place, &own[i], os);
    if (place != NULL)
        os->close(place);
    return code == 0 ? SBX_OK : refuse(path, code, err);
}

sbx_status sbx_share_make(bool *out_is_made, const char *path, const sbx_ace *own, size_t own_count,
                          const sbx_ace *all, size_t all_count, const sbx_target_os *os,
                          sbx_error *err)
{
    sbx_handle held = NULL;
    sbx_os_code code;
    sbx_status st = lock(&held, path, os, err);

    *out_is_made = false;
    if (st != SBX_OK)
        return st;
    code = os->make_directory(path, all, all_count);
    *out_is_made = code == 0;
    if (code == SBX_OS_EXISTS)
        st = join(path, own, own_count, os, err);
    else if (code != 0)
        st = refuse(path, code, err);
    os->unlock_places(held);
    return st;
}

/* Somebody put something into it: then it stays, as any other directory there. */
static sbx_status keep(const char *path, const sbx_ace *ace, const sbx_target_os *os,
                       sbx_error *err)
{
    const sbx_ace mark = sbx_ace_of_stand_in();
    sbx_os_place about;
    sbx_handle place = NULL;
    sbx_os_code code = os->open_place(&place, &about, path);
    sbx_status st;

    if (code != 0)
        return is_gone(code) ? SBX_OK
                             : sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "open %s", path);
    st = sbx_entry_remove(place, ace, path, os, err);
    if (st == SBX_OK)
        st = sbx_entry_remove(place, &mark, path, os, err);
    os->close(place);
    return st;
}

/* The directory first: as long as it has the entry it can be told from somebody else's. */
static sbx_status take_away(const char *path, const sbx_ace *ace, const sbx_target_os *os,
                            sbx_error *err)
{
    sbx_os_code code = os->remove_directory(path);

    if (code == 0 || is_gone(code))
        return SBX_OK;
    if (code == SBX_OS_NOT_EMPTY)
        return keep(path, ace, os, err);
    return sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "take away the directory %s", path);
}

static sbx_status leave_locked(const char *path, const sbx_ace *ace, const char *run, bool is_made,
                               const sbx_target_os *os, sbx_error *err)
{
    sbx_os_place about;
    sbx_handle place = NULL;
    size_t own = 0, others = 0;
    sbx_os_code code = os->open_place(&place, &about, path);
    sbx_status st = SBX_OK;

    if (is_gone(code))
        return SBX_OK;
    if (code == 0)
        code = os->count_aces(&own, place, ace);
    if (code == 0)
        code = os->count_runs(&others, place, ace, run);
    if (code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "look at what a run has left at %s",
                         path);
    else if (others > 0 && own > 0 && sbx_sid_is_run(ace->sid))
        st = sbx_entry_remove(place, ace, path, os, err);
    if (place != NULL)
        os->close(place);
    /* Without the entry it is somebody else's directory of that name. */
    if (st != SBX_OK || others > 0 || (own == 0 && !is_made))
        return st;
    return take_away(path, ace, os, err);
}

sbx_status sbx_share_leave(const char *path, const sbx_ace *ace, const char *run, bool is_made,
                           const sbx_target_os *os, sbx_error *err)
{
    sbx_handle held = NULL;
    sbx_status st = lock(&held, path, os, err);

    if (st != SBX_OK)
        return st;
    st = leave_locked(path, ace, run, is_made, os, err);
    os->unlock_places(held);
    return st;
}

/* --- entries --- */

/* The group's may be there already, and then counts for this run as well: its own one came first. */
sbx_os_code sbx_share_add(sbx_handle place, const sbx_ace *ace, const sbx_target_os *os)
{
    sbx_handle held = NULL;
    size_t count = 0;
    sbx_os_code code;

    if (sbx_sid_is_run(ace->sid))
        return os->add_ace(place, ace);
    if ((code = os->lock_places(&held)) != 0)
        return code;
    code = os->count_aces(&count, place, ace);
    if (code == 0 && count == 0)
        code = os->add_ace(place, ace);
    os->unlock_places(held);
    return code;
}

sbx_status sbx_share_remove(sbx_handle place, const sbx_ace *ace, const char *run, const char *path,
                            const sbx_target_os *os, sbx_error *err)
{
    sbx_handle held = NULL;
    size_t others = 0;
    sbx_os_code code;
    sbx_status st;

    if (sbx_sid_is_run(ace->sid))
        return sbx_entry_remove(place, ace, path, os, err);
    if ((st = lock(&held, path, os, err)) != SBX_OK)
        return st;
    code = os->count_runs(&others, place, ace, run);
    if (code != 0)
        st = sbx_fail_os(err, SBX_IO, SBX_STEP_MOUNT, code, "look for other runs at %s", path);
    else if (others == 0)
        st = sbx_entry_remove(place, ace, path, os, err);
    os->unlock_places(held);
    return st;
}
