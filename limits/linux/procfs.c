/* Looking at processes through /proc. */
#include "limits/linux/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/clock.h"
#include "limits/linux/cgroup_files.h"

/* A tree of more is not walked to its end. */
enum { MOST_PROCESSES = 1 << 17 };

/* The numbers behind the name, by their place in proc_pid_stat(5). */
enum {
    FIELD_STATE = 3,
    FIELD_USER_TIME = 14,
    FIELD_CHILD_SYSTEM_TIME = 17,
    FIELD_THREADS = 20,
    FIELD_START = 22,
    FIELD_RSS = 24,
};

bool sbx_process_parse(sbx_process *out, const char *text)
{
    static uint64_t tick_ns;
    static uint64_t page_bytes;
    const char *at = strrchr(text, ')'); /* the name may hold blanks and parentheses */
    uint64_t pid;

    if (tick_ns == 0) {
        tick_ns = SBX_NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK);
        page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    }
    if (at == NULL || at[1] != ' ' || at[2] == '\0' || !sbx_cgroup_parse_number(&pid, text, NULL) ||
        pid > INT32_MAX)
        return false;
    *out = (sbx_process){.pid = (int)pid, .state = at[2]};
    at += 3;
    for (int field = FIELD_STATE + 1; field <= FIELD_RSS; field++) {
        uint64_t value = 0;

        if (*at != ' ')
            return false;
        at++;
        if (*at == '-') /* none of ours can be negative */
            at++;
        if (!sbx_cgroup_parse_number(&value, at, &at))
            return false;
        if (field >= FIELD_USER_TIME && field <= FIELD_CHILD_SYSTEM_TIME)
            out->cpu_ns += value * tick_ns;
        else if (field == FIELD_THREADS)
            out->thread_count = value;
        else if (field == FIELD_START)
            out->start_ticks = value;
        else if (field == FIELD_RSS)
            out->rss_bytes = value * page_bytes;
    }
    return true;
}

static ssize_t read_process_file(char *out, size_t bytes, int pid, const char *file)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
    return sbx_cgroup_read_text(AT_FDCWD, path, out, bytes);
}

bool sbx_process_read(sbx_process *out, int pid)
{
    char text[1024];

    return read_process_file(text, sizeof(text), pid, "stat") > 0 && sbx_process_parse(out, text);
}

bool sbx_process_is_dead(const sbx_process *process)
{
    return process->state == 'Z' || process->state == 'X';
}

/* The number behind "Key:" and blanks, at the start of a line. */
static bool find_field(uint64_t *out, const char *text, const char *key)
{
    size_t bytes = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        const char *next = strchr(line, '\n');

        if (strncmp(line, key, bytes) == 0 && line[bytes] == ':') {
            line += bytes + 1;
            line += strspn(line, " \t");
            return sbx_cgroup_parse_number(out, line, NULL);
        }
        line = next != NULL ? next + 1 : NULL;
    }
    return false;
}

uint64_t sbx_process_swap_bytes(int pid)
{
    char text[4096];
    uint64_t kib;

    if (read_process_file(text, sizeof(text), pid, "status") <= 0 ||
        !find_field(&kib, text, "VmSwap"))
        return 0;
    return kib * 1024;
}

bool sbx_process_pss_bytes(uint64_t *out, int pid)
{
    char text[4096];
    uint64_t pss_kib;
    uint64_t swap_kib = 0;

    if (read_process_file(text, sizeof(text), pid, "smaps_rollup") <= 0 ||
        !find_field(&pss_kib, text, "Pss"))
        return false;
    (void)find_field(&swap_kib, text, "SwapPss");
    *out = (pss_kib + swap_kib) * 1024;
    return true;
}

int sbx_process_open_io(int pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/io", pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

bool sbx_process_read_io(uint64_t *out_read_bytes, uint64_t *out_write_bytes, int io_fd)
{
    char text[1024];
    ssize_t got = pread(io_fd, text, sizeof(text) - 1, 0);

    if (got <= 0)
        return false;
    text[got] = '\0';
    return find_field(out_read_bytes, text, "read_bytes") &&
           find_field(out_write_bytes, text, "write_bytes");
}

/* Numbers still to be visited. */
typedef struct pid_stack {
    int *pids;
    size_t count, room;
} pid_stack;

static bool push(pid_stack *stack, int pid)
{
    if (stack->count == stack->room) {
        size_t room = stack->room == 0 ? 64 : stack->room * 2;
        int *pids = room <= MOST_PROCESSES ? realloc(stack->pids, room * sizeof(*pids)) : NULL;

        if (pids == NULL)
            return false;
        stack->pids = pids;
        stack->room = room;
    }
    stack->pids[stack->count++] = pid;
    return true;
}

/* Adds the children that one thread has made (or been given). The file is "12 13 14 ". */
static bool push_children(pid_stack *stack, int pid, int thread)
{
    char path[64];
    char text[4096];
    size_t kept = 0;
    ssize_t got;
    bool has_room = true;
    int fd;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd == -1)
        return true; /* gone meanwhile */
    while (has_room && (got = read(fd, text + kept, sizeof(text) - 1 - kept)) > 0) {
        const char *at = text;
        const char *blank;

        text[kept + (size_t)got] = '\0';
        while (has_room && (blank = strchr(at, ' ')) != NULL) {
            uint64_t child;

            if (sbx_cgroup_parse_number(&child, at, NULL) && child > 0 && child <= INT32_MAX)
                has_room = push(stack, (int)child);
            at = blank + 1;
        }
        kept = strlen(at); /* a number that was cut in two */
        memmove(text, at, kept);
    }
    close(fd);
    return has_room;
}

static bool push_children_of_threads(pid_stack *stack, int pid)
{
    char path[64];
    struct dirent *entry;
    bool has_room = true;
    DIR *tasks;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    tasks = opendir(path);
    if (tasks == NULL)
        return errno != ENOMEM;
    while (has_room && (entry = readdir(tasks)) != NULL) {
        uint64_t thread;

        if (sbx_cgroup_parse_number(&thread, entry->d_name, NULL) && thread <= INT32_MAX)
            has_room = push_children(stack, pid, (int)thread);
    }
    closedir(tasks);
    return has_room;
}

bool sbx_process_walk(int root_pid, sbx_process_visit *visit, void *context)
{
    pid_stack stack = {NULL, 0, 0};
    size_t visited_count = 0;
    bool has_room = push(&stack, root_pid);

    while (has_room && stack.count > 0) {
        int pid = stack.pids[--stack.count];
        sbx_process process;

        if (!sbx_process_read(&process, pid))
            continue;
        if (!visit(&process, context) || ++visited_count == MOST_PROCESSES)
            break;
        if (sbx_process_is_dead(&process)) /* its children have been given away */
            continue;
        has_room = process.thread_count > 1 ? push_children_of_threads(&stack, pid)
                                            : push_children(&stack, pid, pid);
    }
    free(stack.pids);
    return has_room;
}

bool sbx_process_can_walk(void)
{
    return access("/proc/thread-self/children", R_OK) == 0;
}
