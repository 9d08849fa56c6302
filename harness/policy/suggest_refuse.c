/* What is never made writable, whoever asked; see suggest.h. */
#include <string.h>

#include "harness/base/path.h"
#include "harness/policy/suggest_parts.h"

/*
 * Each says how many bytes of the path are the place itself, of which all the rest is only a part; 0: it is in no
 * such place.
 */

static size_t bytes_within(const char *path, const char *place)
{
    return sbx_path_is_within(path, place) ? strlen(place) : 0;
}

static size_t secret_below(const char *path, const char *home, const char *secret)
{
    size_t bytes = strlen(home), more;

    if (!sbx_path_is_within(path, home) || path[bytes] != '/')
        return 0;
    more = bytes_within(path + bytes, secret + 1); /* "~/.ssh": from its slash on */
    return more == 0 ? 0 : bytes + more;
}

/* "/etc/ssh/ssh_host_*_key" */
static size_t named_secret(const char *path, const char *secret)
{
    if (strchr(secret, '*') == NULL)
        return bytes_within(path, secret);
    return sbx_glob_matches(secret, path) ? strlen(path) : 0;
}

/* Also where the run's policy does not say so, and where the secret does not exist yet. */
static size_t secret_bytes(const sbx_suggestion *self, const char *path)
{
    for (const char *const *secret = sbx_policy_secrets(); *secret != NULL; secret++) {
        size_t bytes = (*secret)[0] == '~' ? 0 : named_secret(path, *secret);

        for (size_t i = 0; bytes == 0 && (*secret)[0] == '~' && i < 2; i++)
            if (self->plan.homes[i] != NULL)
                bytes = secret_below(path, self->plan.homes[i], *secret);
        if (bytes > 0)
            return bytes;
    }
    return 0;
}

static size_t component_bytes(const char *path, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *at = strchr(path, '/'); at != NULL; at = strchr(at + 1, '/'))
        if (strncmp(at + 1, name, bytes) == 0 && (at[1 + bytes] == '/' || at[1 + bytes] == '\0'))
            return (size_t)(at - path) + 1 + bytes;
    return 0;
}

/* Also below the top of a root, where a policy does not protect them; and the usual names always. */
static size_t protected_bytes(sbx_suggestion *self, const char *path)
{
    sbx_policy usual = {0};
    size_t bytes = 0;

    sbx_policy_init(&usual);
    self->failed |= sbx_policy_builtin(&usual, "read-only", NULL) != SBX_OK;
    for (size_t i = 0; i < usual.protect.count && bytes == 0; i++)
        bytes = component_bytes(path, usual.protect.item[i]);
    for (size_t i = 0; i < self->policy.protect.count && bytes == 0; i++)
        bytes = component_bytes(path, self->policy.protect.item[i]);
    sbx_policy_done(&usual);
    return bytes;
}

static size_t system_bytes(const char *path)
{
    static const char *const directories[] = {
        "/bin",       "/boot",           "/dev", "/etc",  "/lib", "/lib32", "/lib64",
        "/libx32",    "/proc",           "/run", "/sbin", "/sys", "/usr",   "/var/spool/cron",
        "C:/Windows", "C:/Program Files"};
    size_t bytes = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(directories) && bytes == 0; i++)
        bytes = bytes_within(path, directories[i]);
    return bytes;
}

/* ~/.profile and its like: every file of such a name at the top of a home, and where programs are started from. */
static size_t obeyed_at(const char *path, const char *home, bool is_directory)
{
    static const char *const places[] = {
        "/bin",          "/.local/bin",  "/.config/autostart", "/.config/systemd",
        "/.config/fish", "/.config/git", "/.config/sbx"};
    const char *rest = path + strlen(home);
    size_t bytes = 0;

    if (!sbx_path_is_within(path, home) || *rest != '/')
        return 0;
    if (!is_directory && rest[1] == '.' && strchr(rest + 1, '/') == NULL)
        return strlen(path);
    for (size_t i = 0; i < SBX_COUNT_OF(places) && bytes == 0; i++)
        bytes = bytes_within(rest, places[i]);
    return bytes == 0 ? 0 : strlen(home) + bytes;
}

static size_t obeyed_bytes(const sbx_suggestion *self, const char *path, bool is_directory)
{
    size_t bytes = 0;

    for (size_t i = 0; i < SBX_COUNT_OF(self->plan.homes) && bytes == 0; i++)
        if (self->plan.homes[i] != NULL)
            bytes = obeyed_at(path, self->plan.homes[i], is_directory);
    return bytes;
}

/* Keeps the place in mind, which must stay denied whatever root it lies in. */
static void hold(sbx_suggestion *self, const char *path, size_t bytes)
{
    sbx_making making = {.plan = &self->plan};
    const char *place = sbx_making_copy_bytes(&making, path, bytes);

    self->failed |= making.failed;
    for (size_t i = 0; i < self->held.count; i++)
        if (sbx_path_is_same(self->held.item[i], place))
            return;
    self->failed |= sbx_strings_add(&self->held, place, NULL) != SBX_OK;
}

const char *sbx_suggest_refusal(sbx_suggestion *self, const char *path, bool is_directory)
{
    const char *why = "a secret";
    size_t bytes = secret_bytes(self, path);

    if (bytes == 0) {
        why = "a protected name (--unprotect NAME takes it off the list)";
        bytes = protected_bytes(self, path);
    }
    if (bytes == 0) {
        why = "a system directory: what is written there is obeyed later, outside of the sandbox; "
              "--write says it by name";
        bytes = system_bytes(path);
    }
    if (bytes == 0) {
        why = "what the home directory has there is obeyed later, outside of the sandbox; --write "
              "says it by name";
        bytes = obeyed_bytes(self, path, is_directory);
    }
    if (bytes == 0)
        return NULL;
    hold(self, path, bytes);
    return why;
}
