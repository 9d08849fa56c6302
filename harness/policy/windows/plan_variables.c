/*
 * What a command has to have in its environment, on Windows: without SystemRoot not even a socket opens, and a
 * private temp directory is worth nothing that nobody is told of.
 */
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/parts.h"

/* Without a working network wall: asked of the programs, which may or may not listen. */
static const char *const advice[] = {
    "HTTP_PROXY=http://127.0.0.1:9",
    "HTTPS_PROXY=http://127.0.0.1:9",
    "ALL_PROXY=http://127.0.0.1:9",
    "FTP_PROXY=http://127.0.0.1:9",
    "NO_PROXY=",
    "GIT_SSH_COMMAND=cmd /c exit 1",
    "PIP_NO_INDEX=1",
    "NPM_CONFIG_OFFLINE=true",
    "CARGO_NET_OFFLINE=true",
};

static const char *const needed[] = {
    "SystemRoot",
    "SystemDrive",
    "windir",
    "ComSpec",
    "PATHEXT",
    "OS",
    "USERNAME",
    "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
};

static const char *named(sbx_making *making, const char *name, const char *value)
{
    size_t name_bytes = strlen(name), value_bytes = strlen(value);
    char *entry = sbx_making_get(making, name_bytes + value_bytes + 2);

    if (entry == NULL)
        return "";
    memcpy(entry, name, name_bytes);
    entry[name_bytes] = '=';
    memcpy(entry + name_bytes + 1, value, value_bytes + 1);
    for (char *at = entry + name_bytes; *at != '\0'; at++)
        if (*at == '/')
            *at = '\\'; /* old programs know no other */
    return entry;
}

/* The stubs of an advisory network come first; see harness/target/windows/enter.c, which makes them. */
static const char *path_with_stubs(sbx_making *making)
{
    static const char name[] = "PATH=", below[] = "\\stubs;";
    const char *path = NULL, *temp = making->plan->temp_path;
    size_t temp_bytes = strlen(temp), path_bytes, used = sizeof(name) - 1;
    char *entry;

    for (const char *const *each = making->request->environment;
         each != NULL && *each != NULL && path == NULL; each++)
        if (sbx_variable_is_named(*each, "PATH", 4))
            path = *each + sizeof(name) - 1;
    if (path == NULL)
        path = sbx_plan_default_path_list();
    path_bytes = strlen(path);
    entry = sbx_making_get(making, sizeof(name) + temp_bytes + sizeof(below) + path_bytes);
    if (entry == NULL)
        return "";
    memcpy(entry, name, used);
    memcpy(entry + used, temp, temp_bytes);
    for (size_t i = used; i < used + temp_bytes; i++)
        if (entry[i] == '/')
            entry[i] = '\\';
    used += temp_bytes;
    memcpy(entry + used, below, sizeof(below) - 1);
    used += sizeof(below) - 1;
    memcpy(entry + used, path, path_bytes + 1);
    return entry;
}

const char *const *sbx_plan_own_variables(sbx_making *making)
{
    static const char *const nothing[] = {NULL};
    const sbx_plan *plan = making->plan;
    const char **list =
        sbx_making_get(making, (SBX_COUNT_OF(needed) + SBX_COUNT_OF(advice) + 4) * sizeof(*list));
    size_t count = 0;

    if (list == NULL)
        return nothing;
    for (size_t i = 0; i < SBX_COUNT_OF(needed); i++)
        list[count++] = needed[i];
    if (plan->temp_path != NULL) {
        list[count++] = named(making, "TEMP", plan->temp_path);
        list[count++] = named(making, "TMP", plan->temp_path);
    }
    if (plan->network == SBX_NETWORK_ADVISORY && plan->temp_path != NULL)
        list[count++] = path_with_stubs(making);
    for (size_t i = 0; plan->network != SBX_NETWORK_FULL && i < SBX_COUNT_OF(advice); i++)
        list[count++] = advice[i];
    list[count] = NULL;
    return list;
}

const char *sbx_plan_default_path_list(void)
{
    return "C:\\Windows\\System32;C:\\Windows";
}
