/* See killed_runs.h. */
#include "harness/setup/windows/killed_runs.h"

#include <stdlib.h>

#include "audit/store.h"
#include "harness/base/clock.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/as_user.h"
#include "harness/target/windows/steps.h"

static sbx_killed_runs counted; /* of the one thread that opens the database */

static void release(const char *lease)
{
    if (sbx_entries_release(lease, &sbx_target_os_real, NULL) == SBX_OK)
        counted.released++;
    else
        counted.kept++;
}

static bool exists(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    bool is_there = wide != NULL && GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;

    free(wide);
    return is_there;
}

static sbx_status open_and_close(const char *path, sbx_error *err)
{
    sbx_store_options options = {.busy_ns = 10 * SBX_NS_PER_S, .release = release};
    sbx_store *store = NULL;
    sbx_status st;

    if (!exists(path))
        return SBX_OK;
    st = sbx_store_open(&store, path, &options, err);
    sbx_store_close(store);
    return st;
}

sbx_status sbx_killed_runs_release(sbx_killed_runs *out, sbx_error *err)
{
    char *path = NULL;
    sbx_status st = sbx_store_default_path(&path, err);

    counted = (sbx_killed_runs){.released = 0};
    if (st == SBX_OK)
        st = sbx_as_user_begin(err);
    if (st == SBX_OK) {
        st = open_and_close(path, err);
        sbx_as_user_end();
    }
    free(path);
    *out = counted;
    return st;
}
