/*
 * The account files, read by hand: the C library would ask the network's directories too, for which it loads
 * libraries. Where is the caller's home, and do the sandbox's ids belong to somebody after all?
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/policy/parts.h"

enum { FIELDS_MAX = 6, FILE_BYTES_MAX = 4096 * 1024 };

typedef struct account {
    char *name;
    unsigned long id;
    const char *home; /* NULL: a group, or none */
} account;

static void read_file(sbx_text *out, const char *path)
{
    char room[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    if (fd < 0)
        return;
    do {
        got = read(fd, room, sizeof(room));
        if (got > 0)
            sbx_text_add_bytes(out, room, (size_t)got);
    } while (got == (ssize_t)sizeof(room) && out->bytes < FILE_BYTES_MAX);
    close(fd);
}

/* "name:x:uid:gid:gecos:home:shell" or "name:x:gid:members"; takes the line apart. */
static bool read_line(account *out, char *line)
{
    char *field[FIELDS_MAX] = {NULL};
    char *end;

    for (size_t i = 0; i < FIELDS_MAX && line != NULL; i++)
        field[i] = strsep(&line, ":");
    if (field[2] == NULL || field[2][0] == '\0')
        return false;
    *out = (account){.name = field[0], .id = strtoul(field[2], &end, 10)};
    if (field[5] != NULL && field[5][0] == '/')
        out->home = field[5];
    return *end == '\0';
}

static sbx_status check_stranger(const sbx_plan *plan, const account *found, const char *path,
                                 sbx_error *err)
{
    if (plan->identity != SBX_IDENTITY_SANDBOX || found->id != plan->target_uid)
        return SBX_OK;
    return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_PLAN,
                          "identity sandbox runs as id %llu, which shall be nobody's, but %s gives it "
                          "to %s: give that account another id, or take --identity self",
                          (unsigned long long)found->id, path, found->name);
}

/* Of one file: the caller's home goes to *home_out where that is not NULL and nobody was found before. */
static sbx_status scan(const char **home_out, sbx_making *making, const char *path, sbx_error *err)
{
    sbx_text text = {0};
    sbx_status st = SBX_OK;
    char *rest, *line;

    read_file(&text, path);
    rest = text.data;
    while (st == SBX_OK && (line = strsep(&rest, "\n")) != NULL) {
        account found;

        if (!read_line(&found, line))
            continue;
        st = check_stranger(making->plan, &found, path, err);
        if (home_out != NULL && *home_out == NULL && found.home != NULL &&
            found.id == making->plan->caller_uid)
            *home_out = sbx_making_copy(making, found.home);
    }
    sbx_text_done(&text);
    return st;
}

sbx_status sbx_plan_look_up_accounts(const char **out_home, sbx_making *making, sbx_error *err)
{
    sbx_status st;

    *out_home = NULL;
    st = scan(out_home, making, "/etc/passwd", err);
    if (st == SBX_OK && making->plan->identity == SBX_IDENTITY_SANDBOX)
        st = scan(NULL, making, "/etc/group", err);
    return st;
}
