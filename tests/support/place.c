/* See place.h. */
#include "tests/support/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/test.h"

/* Kept to the end of the program: what a test has put into a list of arguments stays what it is. */
static char *keep(size_t bytes)
{
    static struct kept {
        struct kept *next;
        char text[];
    } * first;
    struct kept *one = malloc(sizeof(*one) + bytes);

    assert_non_null(one);
    one->next = first;
    first = one;
    return one->text;
}

const char *sbx_test_path(const char *directory, const char *name)
{
    return sbx_test_text("%s/%s", directory, name);
}

const char *sbx_test_text(const char *format, ...)
{
    va_list arguments, once_more;
    char *text;
    int bytes;

    va_start(arguments, format);
    va_copy(once_more, arguments);
    bytes = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert_true(bytes >= 0);
    text = keep((size_t)bytes + 1);
    (void)vsnprintf(text, (size_t)bytes + 1, format, once_more);
    va_end(once_more);
    return text;
}

void sbx_test_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
        fail_msg("cannot write %s: %s", path, strerror(errno));
}

void sbx_test_mkdir(const char *path)
{
    if (mkdir(path, 0755) != 0)
        fail_msg("cannot make %s: %s", path, strerror(errno));
}

void sbx_test_write_deep(const char *path, const char *text)
{
    char part[SBX_TEST_PATH_BYTES];

    snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            fail_msg("cannot make %s: %s", part, strerror(errno));
        *slash = '/';
    }
    sbx_test_write(path, text);
}

bool sbx_test_exists(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

bool sbx_test_holds(const char *path, const char *text)
{
    char buffer[4096];
    FILE *file = fopen(path, "re");
    size_t bytes;

    if (file == NULL)
        return false;
    bytes = fread(buffer, 1, sizeof(buffer) - 1, file);
    fclose(file);
    buffer[bytes] = '\0';
    return strcmp(buffer, text) == 0;
}

/* A directory that was closed by a test must be opened to be emptied. */
static int open_up(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)where;
    if (kind == FTW_DNR || (kind == FTW_D && (info->st_mode & 0700) != 0700))
        (void)chmod(path, 0700);
    return 0;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void sbx_test_remove_tree(const char *path)
{
    for (int round = 0; round < 4 && sbx_test_exists(path); round++) {
        (void)nftw(path, open_up, 16, FTW_PHYS | FTW_MOUNT);
        (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    }
}

/* bin/name in the directory of this program or up to four above it. */
static const char *find_built(const char *variable, const char *name)
{
    char directory[SBX_TEST_PATH_BYTES];
    const char *said = getenv(variable);
    ssize_t bytes = readlink("/proc/self/exe", directory, sizeof(directory) - 1);

    if (said != NULL)
        return said;
    directory[bytes < 0 ? 0 : bytes] = '\0';
    for (int up = 0; up < 5; up++) {
        char *slash = strrchr(directory, '/');
        const char *path;

        if (slash == NULL)
            break;
        *slash = '\0';
        path = sbx_test_text("%s/bin/%s", directory, name);
        if (access(path, X_OK) == 0)
            return path;
    }
    fprintf(stderr, "set %s: no bin/%s was found near this test\n", variable, name);
    exit(1);
}

const char *sbx_test_binary(void)
{
    static char path[SBX_TEST_PATH_BYTES];

    if (path[0] == '\0')
        snprintf(path, sizeof(path), "%s", find_built("SBX_BIN", "sbx"));
    return path;
}

const char *sbx_test_probe(void)
{
    static char path[SBX_TEST_PATH_BYTES];

    if (path[0] == '\0')
        snprintf(path, sizeof(path), "%s", find_built("SBX_PROBE", "probe"));
    return path;
}

void sbx_test_copy_program(const char *to, const char *from)
{
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    char block[65536];
    ssize_t bytes;

    if (in < 0 || out < 0)
        fail_msg("cannot copy %s to %s: %s", from, to, strerror(errno));
    while ((bytes = read(in, block, sizeof(block))) > 0)
        if (write(out, block, (size_t)bytes) != bytes)
            fail_msg("cannot write %s: %s", to, strerror(errno));
    close(in);
    close(out);
}

static bool make_base(char out[SBX_TEST_PATH_BYTES], const char *directory)
{
    char resolved[4096];

    if (directory == NULL || realpath(directory, resolved) == NULL)
        return false;
    if (snprintf(out, SBX_TEST_PATH_BYTES, "%s/sbx-test-XXXXXX", resolved) >=
        SBX_TEST_PATH_BYTES / 2)
        return false;
    return mkdtemp(out) != NULL;
}

void sbx_test_place_make(sbx_test_place *place)
{
    umask(022);
    if (!make_base(place->base, getenv("SBX_TEST_DIR")) && !make_base(place->base, ".") &&
        !make_base(place->base, getenv("TMPDIR")) && !make_base(place->base, "/tmp"))
        fail_msg("no directory to test in: %s", strerror(errno));
    assert_int_equal(chmod(place->base, 0755), 0);
    snprintf(place->root, sizeof(place->root), "%s", sbx_test_path(place->base, "root"));
    snprintf(place->outside, sizeof(place->outside), "%s", sbx_test_path(place->base, "outside"));
    snprintf(place->home, sizeof(place->home), "%s", sbx_test_path(place->base, "home"));
    snprintf(place->database, sizeof(place->database), "%s",
             sbx_test_path(place->base, "state/audit.db"));
    snprintf(place->probe, sizeof(place->probe), "%s", sbx_test_path(place->base, "bin/probe"));
    sbx_test_mkdir(place->root);
    sbx_test_mkdir(place->outside);
    sbx_test_mkdir(place->home);
    sbx_test_mkdir(sbx_test_path(place->base, "state"));
    sbx_test_mkdir(sbx_test_path(place->base, "bin"));
    sbx_test_copy_program(place->probe, sbx_test_probe());
}

/* The command line of a process, its first word ended by 0. 0: gone, or a kernel thread. */
static size_t read_command_line(char *out, size_t room, const char *pid)
{
    char path[64];
    size_t bytes = 0;
    int fd;

    snprintf(path, sizeof(path), "/proc/%.20s/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, out, room - 1);

        bytes = got > 0 ? (size_t)got : 0;
        close(fd);
    }
    out[bytes] = '\0';
    return bytes;
}

/* whole: anywhere in the command line; else it must be argv[0]. *out_pid is the last one found. */
static size_t count_with(const char *needle, bool whole, int *out_pid)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    size_t count = 0;

    assert_non_null(directory);
    while ((entry = readdir(directory)) != NULL) {
        char line[8192];
        size_t bytes;

        if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
            continue;
        bytes = read_command_line(line, sizeof(line), entry->d_name);
        if (bytes == 0 || (whole ? memmem(line, bytes, needle, strlen(needle)) == NULL
                                 : strcmp(line, needle) != 0))
            continue;
        count++;
        if (out_pid != NULL)
            *out_pid = (int)strtol(entry->d_name, NULL, 10);
    }
    closedir(directory);
    return count;
}

void sbx_test_kill_processes(const sbx_test_place *place)
{
    int pid;

    for (int round = 0; round < 100 && count_with(place->base, true, &pid) > 0; round++)
        (void)kill(pid, SIGKILL);
}

void sbx_test_place_remove(const sbx_test_place *place)
{
    sbx_test_kill_processes(place);
    sbx_test_remove_tree(place->base);
}

size_t sbx_test_count_probes(const sbx_test_place *place)
{
    return count_with(place->probe, false, NULL);
}

size_t sbx_test_count_processes(const sbx_test_place *place)
{
    return count_with(place->base, true, NULL);
}

/* How it is stuck says why it is. */
static void describe_process(int pid)
{
    static const char *const files[] = {"cmdline", "wchan", "syscall", "status"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        char path[64], text[4096];
        ssize_t got = -1;
        int fd;

        snprintf(path, sizeof(path), "/proc/%d/%s", pid, files[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            got = read(fd, text, sizeof(text) - 1);
            close(fd);
        }
        for (ssize_t k = 0; k < got; k++)
            text[k] = text[k] == '\0' ? ' ' : text[k];
        text[got > 0 ? got : 0] = '\0';
        print_error("%s: %s\n", path, text);
    }
}

void sbx_test_expect_no_process(const sbx_test_place *place, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);
    int pid = 0;
    size_t count;

    while ((count = count_with(place->base, true, &pid)) != 0 && sbx_test_now_ms() < end)
        sbx_test_pause_ms(5);
    if (count == 0)
        return;
    describe_process(pid);
    fail_msg("%zu processes are still there after %u ms", count, timeout_ms);
}

int sbx_test_find_probe(const sbx_test_place *place)
{
    int pid = 0;

    (void)count_with(place->probe, false, &pid);
    return pid;
}

bool sbx_test_wait_probes(const sbx_test_place *place, size_t count, unsigned timeout_ms)
{
    uint64_t end = sbx_test_now_ms() + sbx_test_slow_ms(timeout_ms);

    while (sbx_test_count_probes(place) != count) {
        if (sbx_test_now_ms() > end)
            return false;
        sbx_test_pause_ms(10);
    }
    return true;
}

const char *sbx_test_host_namespace(void)
{
    static char name[64];

    if (name[0] == '\0' && readlink("/proc/self/ns/pid", name, sizeof(name) - 1) <= 0)
        fail_msg("/proc/self/ns/pid: %s", strerror(errno));
    return name;
}

uint64_t sbx_test_slow_ms(uint64_t milliseconds)
{
    const char *factor = getenv("SBX_TEST_SLOW");
    unsigned long value = factor != NULL ? strtoul(factor, NULL, 10) : 1;

    return milliseconds * (value > 1 ? value : 1);
}

const char *sbx_test_slow_time(unsigned seconds)
{
    return sbx_test_text("%llums", (unsigned long long)sbx_test_slow_ms(1000ULL * seconds));
}

int sbx_test_at_once(int most)
{
    const int least = 2;
    int count = most / (int)sbx_test_slow_ms(1);

    return count > least ? count : least;
}

uint64_t sbx_test_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U + (uint64_t)now.tv_nsec / 1000000U;
}

void sbx_test_pause_ms(unsigned milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000L};

    while (nanosleep(&time, &time) != 0 && errno == EINTR)
        continue;
}

bool sbx_test_is_root(void)
{
    return geteuid() == 0;
}
