/* See aftermath.h. */
#include "tests/support/aftermath.h"

#include <dirent.h>
#include <ftw.h>
#include <stdlib.h>

#include "tests/support/abuse.h"
#include "tests/support/test.h"

enum { DEAD_MS = 10000, BORN_MS = 10000 };

static const sbx_test_aftermath *looked_for;
static char left_group[256];

void sbx_test_aftermath_note(sbx_test_aftermath *after, pid_t supervisor)
{
    assert_true(after->count < SBX_TEST_SUPERVISORS_MAX);
    after->supervisor[after->count++] = supervisor;
}

void sbx_test_aftermath_start(sbx_test_aftermath *after, sbx_test_child *child,
                              const sbx_test_place *place, const sbx_test_request *request)
{
    sbx_test_start(child, place, request);
    sbx_test_aftermath_note(after, child->pid);
}

/* sbx-PID-… with one of the pids: one walk for all of them. */
static int look_at_group(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    const char *name = path + where->base;
    long pid;

    (void)info;
    if (kind != FTW_D || strncmp(name, "sbx-", 4) != 0)
        return 0;
    pid = strtol(name + 4, NULL, 10);
    for (size_t i = 0; i < looked_for->count; i++)
        if (looked_for->supervisor[i] == pid)
            snprintf(left_group, sizeof(left_group), "%s", path);
    return 0;
}

/* What stands for a protected name, and what is written beside a file to replace it. */
static void check_directory(const char *path)
{
    DIR *directory = opendir(path);
    struct dirent *entry;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL)
        if (entry->d_name[0] == '.' && entry->d_name[1] != '\0' && entry->d_name[1] != '.')
            fail_msg("left behind: %s/%s", path, entry->d_name);
    closedir(directory);
}

void sbx_test_aftermath_check_host(const sbx_test_aftermath *after, const sbx_test_place *place)
{
    sbx_test_expect_no_process(place, DEAD_MS);
    looked_for = after;
    left_group[0] = '\0';
    (void)nftw("/sys/fs/cgroup", look_at_group, 16, FTW_PHYS);
    if (left_group[0] != '\0')
        fail_msg("left behind: %s", left_group);
    assert_false(sbx_test_has_mounts(place));
    check_directory(place->root);
}

static void check_rows(const sbx_test_place *place)
{
    json_t *rows = sbx_test_audit_runs(place), *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *status = json_string_value(json_object_get(row, "status"));

        if (status == NULL || strcmp(status, "running") == 0 ||
            json_integer_value(json_object_get(row, "started_us")) == 0 ||
            json_integer_value(json_object_get(row, "ended_us")) == 0)
            fail_msg("a row without its end: %s", json_dumps(row, 0));
    }
    json_decref(rows);
}

void sbx_test_aftermath_check(const sbx_test_aftermath *after, const sbx_test_place *place)
{
    sbx_test_outcome outcome;

    sbx_test_expect_no_process(place, DEAD_MS);
    sbx_test_exec(&outcome, place, SBX_LIST("--mem", "128M", "--procs", "50"),
                  SBX_LIST("/bin/true"));
    sbx_test_expect(&outcome, 0, "ok", "");
    sbx_test_outcome_done(&outcome);
    check_rows(place);
    sbx_test_verify(place);
    sbx_test_aftermath_check_host(after, place);
}

size_t sbx_test_count_status(const sbx_test_place *place, const char *status)
{
    json_t *rows = sbx_test_audit_runs(place), *row;
    size_t i, count = 0;

    json_array_foreach(rows, i, row)
    {
        const char *word = json_string_value(json_object_get(row, "status"));

        count += status == NULL || (word != NULL && strcmp(word, status) == 0);
    }
    json_decref(rows);
    return count;
}

static bool is_zombie(pid_t pid)
{
    FILE *file = fopen(sbx_test_text("/proc/%d/status", (int)pid), "re");
    char line[256], state = 'Z';

    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "State: %c", &state) == 1)
            break;
    if (file != NULL)
        fclose(file);
    return state == 'Z' || state == 'X';
}

size_t sbx_test_children_of(pid_t *out, size_t room, pid_t parent)
{
    DIR *threads = opendir(sbx_test_text("/proc/%d/task", (int)parent));
    struct dirent *entry;
    size_t count = 0;

    while (threads != NULL && (entry = readdir(threads)) != NULL) {
        FILE *file =
            fopen(sbx_test_text("/proc/%d/task/%.20s/children", (int)parent, entry->d_name), "re");
        int pid;

        while (file != NULL && fscanf(file, "%d", &pid) == 1)
            if (!is_zombie(pid)) {
                if (count < room)
                    out[count] = pid;
                count++;
            }
        if (file != NULL)
            fclose(file);
    }
    if (threads != NULL)
        closedir(threads);
    return count;
}

pid_t sbx_test_first_child(pid_t parent)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(BORN_MS);
    pid_t child = 0;

    while (sbx_test_children_of(&child, 1, parent) == 0) {
        if (sbx_test_now_ms() > end)
            fail_msg("process %d has no child", (int)parent);
        sbx_test_pause_ms(5);
    }
    return child;
}
