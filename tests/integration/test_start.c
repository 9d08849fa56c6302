/* How sbx begins: its own first instruction maps what each start touches, what is never changed again is made read-only. */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/place.h"
#include "tests/support/test.h"

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

/* A dynamic one, as of sanitizers, begins with its loader. */
static bool is_static(const char *program)
{
    unsigned char file[4096];
    const Elf64_Ehdr *header = (const Elf64_Ehdr *)(void *)file;
    int fd = open(program, O_RDONLY | O_CLOEXEC);
    ssize_t bytes = fd < 0 ? -1 : read(fd, file, sizeof(file));
    bool has_loader = false;

    if (fd >= 0)
        close(fd);
    if (bytes != (ssize_t)sizeof(file) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        (header->e_machine != EM_X86_64 && header->e_machine != EM_AARCH64))
        return false;
    for (int i = 0; i < header->e_phnum; i++) {
        const Elf64_Phdr *segment =
            (const Elf64_Phdr *)(void *)(file + header->e_phoff + (size_t)i * sizeof(Elf64_Phdr));

        has_loader |= segment->p_type == PT_INTERP;
    }
    return !has_loader;
}

static bool system_maps_ahead(void)
{
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool maps = page != MAP_FAILED && madvise(page, 4096, MADV_POPULATE_READ) == 0;

    if (page != MAP_FAILED)
        (void)munmap(page, 4096);
    return maps;
}

/* Counts another process's page faults from its execve on; < 0: nobody may. What is mapped ahead is none. */
static int count_faults(pid_t pid)
{
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof(event),
                                    .config = PERF_COUNT_SW_PAGE_FAULTS,
                                    .disabled = 1,
                                    .enable_on_exec = 1,
                                    .exclude_hv = 1};

    return (int)syscall(SYS_perf_event_open, &event, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static _Noreturn void become_sbx(int gate, const char *sbx)
{
    char go;

    if (read(gate, &go, 1) == 1 && freopen("/dev/null", "w", stdout) != NULL)
        (void)execl(sbx, sbx, "--version", (char *)NULL);
    _exit(1);
}

/* Without that first instruction there are more than fifty. */
static void test_few_page_faults(void **state)
{
    enum { MOST = 25 };
    const char *sbx = sbx_test_binary();
    int gate[2], counter, status;
    uint64_t count = 0;
    pid_t pid;

    (void)state;
    if (!is_static(sbx) || !system_maps_ahead())
        skip();
    assert_int_equal(pipe(gate), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        become_sbx(gate[0], sbx);
    counter = count_faults(pid);
    assert_int_equal(write(gate[1], "g", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(status, 0);
    if (counter < 0)
        skip(); /* such as perf_event_paranoid says to a plain user */
    assert_int_equal(read(counter, &count, sizeof(count)), sizeof(count));
    close(counter);
    if (count == 0 || count > MOST)
        fail_msg("%llu page faults, and not 1 to %d", (unsigned long long)count, (int)MOST);
}

/* The program header of that type; false: it has none. */
static bool find_segment(Elf64_Phdr *out, const char *program, uint32_t type)
{
    Elf64_Ehdr header;
    int fd = open(program, O_RDONLY | O_CLOEXEC);
    bool is_found = false;

    assert_true(fd >= 0);
    assert_int_equal(read(fd, &header, sizeof(header)), sizeof(header));
    for (int i = 0; i < header.e_phnum && !is_found; i++) {
        off_t at = (off_t)(header.e_phoff + (size_t)i * sizeof(*out));

        assert_int_equal(pread(fd, out, sizeof(*out), at), sizeof(*out));
        is_found = out->p_type == type;
    }
    close(fd);
    return is_found;
}

/* While it runs a command sbx is not dumpable: others of its user may not look at it, root may. */
static bool may_look_at(pid_t pid)
{
    FILE *maps = fopen(sbx_test_text("/proc/%d/maps", (int)pid), "re");

    if (maps == NULL)
        return false;
    fclose(maps);
    return true;
}

/* How many bytes of [from, to) a process may write; base: where its program begins. Counts what is both written and run, too. */
static size_t writable_bytes(pid_t pid, const char *program, uint64_t from, uint64_t to, int *both)
{
    FILE *maps = fopen(sbx_test_text("/proc/%d/maps", (int)pid), "re");
    char line[1024], access[8];
    uint64_t base = 0, start, end;
    size_t bytes = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps) != NULL) {
        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &start, &end, access) != 3)
            continue;
        if (base == 0 && strstr(line, program) != NULL)
            base = start;
        *both += access[1] == 'w' && access[2] == 'x';
        if (access[1] != 'w' || base == 0 || end <= base + from || start >= base + to)
            continue;
        bytes += (end < base + to ? end : base + to) - (start > base + from ? start : base + from);
    }
    fclose(maps);
    assert_true(base != 0);
    return bytes;
}

/* Tables of functions above all: who can write somewhere in sbx cannot write there. */
static void test_read_only_after_start(void **state)
{
    const char *sbx = sbx_test_binary();
    Elf64_Phdr relocated;
    sbx_test_place place;
    int both = 0, in[2], out[2], status;
    size_t bytes;
    bool may_look;
    char back = 0;
    pid_t pid;

    (void)state;
    if (!is_static(sbx))
        skip();
    assert_true(find_segment(&relocated, sbx, PT_GNU_RELRO));
    sbx_test_place_make(&place);
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1)
            (void)execl(sbx, sbx, "exec", "--audit-db", place.database, "--", "/bin/cat",
                        (char *)NULL);
        _exit(1);
    }
    close(out[1]);
    assert_int_equal(write(in[1], "b", 1),
                     1); /* what comes back is from the command: sbx has begun */
    assert_int_equal(read(out[0], &back, 1), 1);
    may_look = may_look_at(pid);
    bytes = !may_look
                ? 0
                : writable_bytes(pid, strrchr(sbx, '/'), relocated.p_vaddr & ~(uint64_t)4095,
                                 (relocated.p_vaddr + relocated.p_memsz) & ~(uint64_t)4095, &both);
    close(in[0]);
    close(in[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(out[0]);
    sbx_test_place_remove(&place);
    assert_int_equal(status, 0);
    if (!may_look && geteuid() != 0)
        skip();
    assert_true(may_look);
    assert_int_equal(both, 0);
    assert_int_equal(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_page_faults),
        cmocka_unit_test(test_read_only_after_start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
