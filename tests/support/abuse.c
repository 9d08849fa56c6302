/* See abuse.h. */
#include "tests/support/abuse.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/test.h"

extern char **environ;

enum { LOOK_EVERY_MS = 5, ANSWER_EVERY_MS = 100 };

static const char *group_prefix;
static size_t groups_found;

static int look_at_group(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    if (kind == FTW_D && strncmp(path + where->base, group_prefix, strlen(group_prefix)) == 0)
        groups_found++;
    return 0;
}

size_t sbx_test_count_groups(pid_t supervisor)
{
    group_prefix = supervisor == 0 ? "sbx-" : sbx_test_text("sbx-%d-", (int)supervisor);
    groups_found = 0;
    (void)nftw("/sys/fs/cgroup", look_at_group, 16, FTW_PHYS);
    return groups_found;
}

void sbx_test_expect_no_group(pid_t supervisor)
{
    enum { GONE_MS = 2000 };
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(GONE_MS);

    while (sbx_test_count_groups(supervisor) != 0) {
        if (sbx_test_now_ms() > end ||
            getenv("XDG_RUNTIME_DIR") == NULL) /* nobody logged in: no scope */
            fail_msg("a group of the run is still there");
        sbx_test_pause_ms(5);
    }
}

bool sbx_test_has_mounts(const sbx_test_place *place)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    char line[8192];
    bool found = false;

    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        found = found || strstr(line, place->base) != NULL;
    fclose(file);
    return found;
}

/* The most that it ever had, in KiB; 0: gone. */
static unsigned long read_peak(pid_t pid)
{
    FILE *file = fopen(sbx_test_text("/proc/%d/status", (int)pid), "re");
    unsigned long peak = 0;
    char line[256];

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "VmHWM: %lu", &peak) == 1)
            break;
    fclose(file);
    return peak;
}

/* How long the machine takes to start a program and see it end. */
static uint64_t ask_machine(void)
{
    char *const line[] = {(char *)(uintptr_t) "true", NULL};
    uint64_t began = sbx_test_now_ms();
    pid_t pid;

    assert_int_equal(posix_spawn(&pid, "/bin/true", NULL, NULL, line, environ), 0);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return sbx_test_now_ms() - began;
}

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#else
    return false;
#endif
}

static void watch_run(const sbx_test_child *child, unsigned timeout_ms)
{
    struct pollfd done = {.fd = child->pid_fd, .events = POLLIN};
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms), next_ask = sbx_test_now_ms();
    unsigned long peak = 0;
    uint64_t slowest = 0;

    while (poll(&done, 1, LOOK_EVERY_MS) == 0 && sbx_test_now_ms() < end) {
        unsigned long now = read_peak(child->pid);

        peak = now > peak ? now : peak;
        if (sbx_test_now_ms() >= next_ask) {
            uint64_t took = ask_machine();

            slowest = took > slowest ? took : slowest;
            next_ask = sbx_test_now_ms() + ANSWER_EVERY_MS;
        }
    }
    print_message("supervisor %lu KiB, slowest answer %llu ms\n", peak,
                  (unsigned long long)slowest);
    if (!is_sanitized() && peak > SBX_TEST_SUPERVISOR_KIB_MAX)
        fail_msg("sbx grew to %lu KiB", peak);
    if (slowest > sbx_test_slow_ms(SBX_TEST_ANSWER_MS_MAX))
        fail_msg("the machine did not answer for %llu ms", (unsigned long long)slowest);
}

static void check_row(const sbx_test_place *place, const char *run_id)
{
    static const char *const needed[] = {"status", "ended_us", "wall_ns", "enforcement", "argv"};
    json_t *row = sbx_test_audit_run(place, run_id);

    if (row == NULL)
        fail_msg("there is no row of %s", run_id);
    for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
        if (json_object_get(row, needed[i]) == NULL ||
            json_is_null(json_object_get(row, needed[i])))
            fail_msg("the row of %s has no %s", run_id, needed[i]);
    assert_string_not_equal(json_string_value(json_object_get(row, "status")), "running");
    json_decref(row);
}

void sbx_test_check_gone(const sbx_test_place *place, pid_t supervisor, const char *run_id)
{
    if (!sbx_test_wait_probes(place, 0, 3000))
        fail_msg("%zu probes are alive after the run", sbx_test_count_probes(place));
    sbx_test_expect_no_group(supervisor);
    assert_false(sbx_test_has_mounts(place));
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".git")));
    assert_false(sbx_test_exists(sbx_test_path(place->root, ".agents")));
    if (run_id != NULL)
        check_row(place, run_id);
    assert_true(ask_machine() < sbx_test_slow_ms(SBX_TEST_ANSWER_MS_MAX));
}

void sbx_test_abuse(sbx_test_outcome *out, const sbx_test_place *place,
                    const sbx_test_request *request)
{
    sbx_test_child child;
    pid_t supervisor;

    sbx_test_start(&child, place, request);
    supervisor = child.pid;
    watch_run(&child, 3 * SBX_TEST_TIMEOUT_MS);
    sbx_test_finish(out, &child, 1000);
    sbx_test_check_gone(place, supervisor,
                        out->result == NULL ? NULL : sbx_test_word(out, "run_id"));
}

unsigned sbx_test_setting(const char *variable, unsigned usual)
{
    const char *said = getenv(variable);

    return said == NULL ? usual : (unsigned)strtoul(said, NULL, 10);
}
