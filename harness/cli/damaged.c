/* See damaged.h. */
#include "harness/cli/damaged.h"

#include <stdlib.h>
#include <string.h>

#include "audit/query.h"
#include "audit/set_aside.h"
#include "harness/base/clock.h"
#include "harness/cli/message.h"

enum { BUSY_S = 10 };

bool sbx_damaged_set_aside(const char *path, const sbx_error *why)
{
    char *name = NULL;
    sbx_text line = {0};
    sbx_error err = {0};

    if (path == NULL || !sbx_store_is_damage(why)) {
        return false;
    }
    if (sbx_store_set_aside(&name, path, BUSY_S * SBX_NS_PER_S, &err) != SBX_OK) {
        if (strcmp(err.message, why->message) != 0) { /* else it is said anyway */
            sbx_message_error(NULL, &err);
        }
        return false;
    }
    if (name != NULL) {
        sbx_text_add_format(&line,
                            "the audit database %s is damaged: it is now %s, and a new one is "
                            "begun",
                            path, name);
        sbx_message(sbx_text_string(&line));
    }
    sbx_text_done(&line);
    free(name);
    return true;
}

void sbx_damaged_look(const char *path)
{
    const sbx_store_options options = {.busy_ns = BUSY_S * SBX_NS_PER_S, .read_only = true};
    sbx_store *store = NULL;
    sbx_error err = {0};

    char id[SBX_RUN_ID_BYTES];
    sbx_status status = sbx_store_open(&store, path, &options, &err);

    if (status == SBX_OK) { /* looks into the schema and the newest rows */
        status = sbx_query_find_run(id, store, "latest", &err);
    }
    sbx_store_close(store); /* nobody may have it open */
    if (status != SBX_OK) {
        (void)sbx_damaged_set_aside(path, &err);
    }
}
