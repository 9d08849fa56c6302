/*
 * The caller's home directories: what $HOME says, and what the account says. Both, because a program
 * that sets HOME to something else does not move anybody's secrets.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/policy/parts.h"

const char *sbx_plan_caller_path(const sbx_making *making, const char *name)
{
    size_t bytes = strlen(name);

    for (const char *const *each = making->request->environment; each != NULL && *each != NULL;
         each++)
        if (strncmp(*each, name, bytes) == 0 && (*each)[bytes] == '=')
            return (*each)[bytes + 1] == '/' ? *each + bytes + 1 : NULL;
    return NULL;
}

/* One line of the account file, "name:x:uid:gid:gecos:home:shell": its home where the uid is that. */
static const char *home_of_line(char *line, uid_t uid)
{
    char *field[6];
    char *end;
    unsigned long found;

    for (size_t i = 0; i < SBX_COUNT_OF(field); i++) {
        field[i] = line;
        line += strcspn(line, ":");
        if (*line == '\0')
            return NULL;
        *line++ = '\0';
    }
    found = strtoul(field[2], &end, 10);
    if (field[2][0] == '\0' || *end != '\0' || found != uid || field[5][0] != '/')
        return NULL;
    return field[5];
}

/* By hand: the C library would ask the network's directories too, for which it loads libraries. */
static const char *home_of_account(sbx_making *making, uid_t uid)
{
    char room[4096];
    sbx_text text = {0};
    const char *home = NULL;
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return NULL;
    do {
        got = read(fd, room, sizeof(room));
        if (got > 0)
            sbx_text_add_bytes(&text, room, (size_t)got);
    } while (got == (ssize_t)sizeof(room) && text.bytes < 4096 * 1024);
    close(fd);
    for (char *line = text.data; home == NULL && line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');

        if (end != NULL)
            *end = '\0';
        home = home_of_line(line, uid);
        line = end != NULL ? end + 1 : NULL;
    }
    if (home != NULL)
        home = sbx_making_copy(making, home);
    sbx_text_done(&text);
    return home;
}

/* A home that is not there has no secrets; one that cannot be looked at is nothing to stop at. */
static const char *resolve(sbx_making *making, const char *path)
{
    sbx_place_found found;

    if (path == NULL || sbx_place_find(&found, making, path, NULL) != SBX_OK || !found.is_directory)
        return NULL;
    return found.path;
}

sbx_status sbx_plan_find_homes(sbx_making *making, sbx_error *err)
{
    const char *said = sbx_plan_caller_path(making, "HOME");
    const char *account = home_of_account(making, making->plan->caller_uid);

    (void)err;
    if (said != NULL && account != NULL && strcmp(said, account) == 0)
        account = NULL; /* the usual case, and no need to ask twice */
    said = resolve(making, said);
    account = resolve(making, account);
    if (said != NULL && account != NULL && strcmp(said, account) == 0)
        account = NULL;
    making->homes[0] = said != NULL ? said : account;
    making->homes[1] = said != NULL ? account : NULL;
    return SBX_OK;
}
