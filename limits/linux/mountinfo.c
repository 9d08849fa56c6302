/* Finding a cgroup hierarchy in /proc/self/mountinfo (proc_pid_mountinfo(5)). */
#include <stdio.h>
#include <string.h>

#include "limits/linux/cgroup_files.h"
#include "limits/linux/cgroup_place.h"

/* The fields of one line that matter here, cut out in place. */
typedef struct mount_line {
    char *root;        /* what of the file system is mounted */
    char *mount_point; /* where */
    char *type;        /* "cgroup", "cgroup2" */
    char *super;       /* "rw,cpu,cpuacct" */
} mount_line;

/* Takes the next field off *at; NULL at the end of the line. */
static char *take_field(char **at)
{
    char *field = *at;
    char *space;

    if (field == NULL || *field == '\0')
        return NULL;
    space = strchr(field, ' ');
    if (space != NULL)
        *space = '\0';
    *at = space != NULL ? space + 1 : NULL;
    return field;
}

/* "36 35 98:0 /root /mnt rw,noatime master:1 - type source super" */
static bool split(mount_line *out, char *line)
{
    char *at = line;
    char *field;

    for (int skipped = 0; skipped < 3; skipped++) {
        if (take_field(&at) == NULL)
            return false;
    }
    out->root = take_field(&at);
    out->mount_point = take_field(&at);
    do { /* mount options and any number of tags, up to the lone dash */
        field = take_field(&at);
    } while (field != NULL && strcmp(field, "-") != 0);
    out->type = take_field(&at);
    (void)take_field(&at); /* source */
    out->super = take_field(&at);
    return out->super != NULL;
}

/* \040 and the like, in place. */
static void unescape(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0';) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && from[2] >= '0' &&
            from[2] <= '7' && from[3] >= '0' && from[3] <= '7') {
            *to++ = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
            from += 4;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

/* Each of the comma separated words stands in the comma separated list. */
static bool list_has_all(const char *list, const char *words)
{
    for (const char *word = words; word != NULL;) {
        const char *word_end = strchr(word, ',');
        size_t bytes = word_end != NULL ? (size_t)(word_end - word) : strlen(word);

        if (!sbx_cgroup_list_has(list, word, bytes))
            return false;
        word = word_end != NULL ? word_end + 1 : NULL;
    }
    return true;
}

/* The part of own_path below the mounted root, with its leading slash; NULL where it is not below. */
static const char *below(const char *own_path, const char *root)
{
    size_t bytes = strlen(root);

    if (strcmp(root, "/") == 0)
        return strcmp(own_path, "/") == 0 ? "" : own_path;
    if (strncmp(own_path, root, bytes) != 0)
        return NULL;
    if (own_path[bytes] != '\0' && own_path[bytes] != '/')
        return NULL;
    return own_path + bytes;
}

bool sbx_mountinfo_find(char *out, size_t bytes, char *mountinfo, const char *controllers,
                        const char *own_path)
{
    bool is_unified = controllers[0] == '\0';
    char *next;

    for (char *line = mountinfo; line != NULL && *line != '\0'; line = next) {
        mount_line mount;
        const char *rest;
        int put;

        next = strchr(line, '\n');
        if (next != NULL)
            *next++ = '\0';
        if (!split(&mount, line) || strcmp(mount.type, is_unified ? "cgroup2" : "cgroup") != 0)
            continue;
        if (!is_unified && !list_has_all(mount.super, controllers))
            continue;
        unescape(mount.root);
        unescape(mount.mount_point);
        rest = below(own_path, mount.root);
        if (rest == NULL)
            continue;
        put = snprintf(out, bytes, "%s%s", mount.mount_point, rest);
        if (put > 0 && (size_t)put < bytes)
            return true;
    }
    return false;
}
