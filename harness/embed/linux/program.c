/* Where the program is: beside the library, else where it was to be installed, else by PATH. */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/embed/program.h"

static bool is_program(const char *path)
{
    return access(path, X_OK) == 0;
}

/* An installed tree may have been moved; a static library lies nowhere, and has no such place. */
static bool find_beside_library(char *out, size_t room)
{
    static const char something_of_ours = 0;
    Dl_info found;
    const char *slash;

    if (dladdr(&something_of_ours, &found) == 0 || found.dli_fname == NULL)
        return false;
    slash = strrchr(found.dli_fname, '/');
    if (slash == NULL || strstr(slash, ".so") == NULL)
        return false;
    return snprintf(out, room, "%.*s/" SBX_BINARY_FROM_LIBRARY, (int)(slash - found.dli_fname),
                    found.dli_fname) < (int)room &&
           is_program(out);
}

static bool find_by_path(char *out, size_t room)
{
    const char *at = secure_getenv("PATH"); /* not of somebody who has fewer rights than we */

    while (at != NULL && *at != '\0') {
        size_t bytes = strcspn(at, ":");

        /* An empty or relative entry is the working directory's, from which nothing is started. */
        if (at[0] == '/' &&
            snprintf(out, room, "%.*s/" SBX_PROGRAM_NAME, (int)bytes, at) < (int)room &&
            is_program(out))
            return true;
        at += bytes + (at[bytes] == ':');
    }
    return false;
}

bool sbx_embed_find_program(char *out, size_t room)
{
    if (find_beside_library(out, room))
        return true;
    if (snprintf(out, room, "%s", SBX_BINARY_INSTALLED) < (int)room && is_program(out))
        return true;
    return find_by_path(out, room);
}
