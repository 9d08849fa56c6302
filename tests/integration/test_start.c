/*
 * How sbx begins: where a page fault takes long, its own first instruction maps what each start touches; what is never
 * changed again is made read-only.
 */
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

#include "harness/base/clock.h"
#include "harness/base/linux/region.h"
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

/* Of one start; 0: nobody may count. */
static uint64_t faults_of_start(const char *sbx)
{
    int gate[2], counter, status;
    uint64_t count = 0;
    pid_t pid;

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
    if (counter >= 0) {
        assert_int_equal(read(counter, &count, sizeof(count)), sizeof(count));
        close(counter);
    }
    return count;
}

/* What a page fault takes here at least: a longer one was interrupted. */
static uint64_t fault_ns(void)
{
    enum { PAGES = 64, PAGE = 4096 };
    volatile char *pages = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t least = UINT64_MAX;

    assert_true(pages != MAP_FAILED);
    for (size_t i = 0; i < PAGES; i++) {
        uint64_t before = sbx_clock_monotonic_ns(), took;

        pages[i * PAGE] = 1;
        took = sbx_clock_monotonic_ns() - before;
        least = took < least ? took : least;
    }
    assert_int_equal(munmap((void *)(uintptr_t)pages, (size_t)PAGES * PAGE), 0);
    return least;
}

/*
 * Mapped ahead there are fewer than twenty, else more than thirty. A start that is interrupted in its first fault takes it
 * for a dear one: hence the most of several.
 */
static void test_faults_by_their_price(void **state)
{
    enum { MAPPED = 25, NOT_MAPPED = 60, STARTS = 5, CHEAP_NS = 4000, DEAR_NS = 14000 };
    const char *sbx = sbx_test_binary();
    uint64_t price = fault_ns(), most = 0;

    (void)state;
    if (!is_static(sbx) || !system_maps_ahead())
        skip();
    for (int i = 0; i < STARTS; i++) {
        uint64_t count = faults_of_start(sbx);

        if (count == 0)
            skip(); /* such as perf_event_paranoid says to a plain user */
        most = count > most ? count : most;
    }
    if (most > (price > DEAR_NS ? MAPPED : NOT_MAPPED) || (price < CHEAP_NS && most <= MAPPED))
        fail_msg("%llu page faults at %llu ns each", (unsigned long long)most,
                 (unsigned long long)price);
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

/* What of a process's memory can be written. */
typedef struct memory_look {
    size_t relocated_bytes; /* of what its program's file says shall not be */
    size_t nameless_bytes;  /* of no file, and neither heap nor stack */
    int run_too_count;      /* mappings that can be run as well */
} memory_look;

static size_t common_bytes(uint64_t start, uint64_t end, uint64_t from, uint64_t to)
{
    uint64_t low = start > from ? start : from, high = end < to ? end : to;

    return high > low ? (size_t)(high - low) : 0;
}

static void look_at_memory(memory_look *out, FILE *maps, const char *program)
{
    char line[1024], access[8], name[512];
    uint64_t base = 0, start, end, from, to;
    Elf64_Phdr relocated;

    assert_true(find_segment(&relocated, program, PT_GNU_RELRO));
    from = relocated.p_vaddr & ~(uint64_t)4095;
    to = (relocated.p_vaddr + relocated.p_memsz) & ~(uint64_t)4095;
    *out = (memory_look){0};
    while (fgets(line, sizeof(line), maps) != NULL) {
        int words = sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %511s", &start, &end,
                           access, name);

        assert_true(words >= 3);
        if (base == 0 && words == 4 && strcmp(name, program) == 0)
            base = start;
        if (access[1] != 'w')
            continue;
        out->run_too_count += access[2] == 'x';
        out->nameless_bytes += words == 3 ? (size_t)(end - start) : 0;
        if (base != 0)
            out->relocated_bytes += common_bytes(start, end, base + from, base + to);
    }
    assert_true(base != 0);
}

/* While its command waits. False: while it runs one sbx is not dumpable, and others of its user may not look; root may. */
static bool look_at_running(memory_look *out, const char *sbx)
{
    char *program = realpath(sbx, NULL), back = 0;
    sbx_test_place place;
    int in[2], answer[2], status;
    FILE *maps;
    pid_t pid;

    assert_non_null(program);
    sbx_test_place_make(&place);
    assert_true(pipe2(in, O_CLOEXEC) == 0 && pipe2(answer, O_CLOEXEC) == 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (dup2(in[0], 0) == 0 && dup2(answer[1], 1) == 1)
            (void)execl(sbx, sbx, "exec", "--audit-db", place.database, "--", "/bin/cat",
                        (char *)NULL);
        _exit(1);
    }
    close(answer[1]);
    assert_int_equal(write(in[1], "b", 1), 1);
    assert_int_equal(read(answer[0], &back, 1), 1); /* from the command: sbx has begun */
    maps = fopen(sbx_test_text("/proc/%d/maps", (int)pid), "re");
    assert_true(maps != NULL || geteuid() != 0);
    if (maps != NULL) {
        look_at_memory(out, maps, program);
        fclose(maps);
    }
    close(in[0]);
    close(in[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(answer[0]);
    sbx_test_place_remove(&place);
    free(program);
    assert_int_equal(status, 0);
    return maps != NULL;
}

/* Tables of functions above all: who can write somewhere in sbx cannot write there. */
static void test_read_only_after_start(void **state)
{
    const char *sbx = sbx_test_binary();
    memory_look look;

    (void)state;
    if (!is_static(sbx) || !look_at_running(&look, sbx))
        skip();
    assert_int_equal(look.run_too_count, 0);
    assert_int_equal(look.relocated_bytes, 0);
}

/* By the name that `--version` gives the C library. */
static bool is_linked_with_musl(const char *sbx)
{
    static const char name[] = "\0musl";
    int fd = open(sbx, O_RDONLY | O_CLOEXEC);
    off_t bytes = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    void *file = bytes < 0 ? MAP_FAILED : mmap(NULL, (size_t)bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    bool is_named;

    assert_true(file != MAP_FAILED);
    is_named = memmem(file, (size_t)bytes, name, sizeof(name)) != NULL;
    (void)munmap(file, (size_t)bytes);
    close(fd);
    return is_named;
}

/*
 * The allocator's pages are the region's, whose size is known; a library whose parts have other names would ask the kernel
 * for each, half a megabyte beside it. Outside of it is the thread's stack, where the region is no huge page.
 */
static void test_memory_is_of_the_region(void **state)
{
    enum { VARIABLES_BYTES = 160 * 1024, STACK_BYTES = 384 * 1024 };
    const char *sbx = sbx_test_binary();
    memory_look look;

    (void)state;
    if (!is_static(sbx) || !is_linked_with_musl(sbx) || !look_at_running(&look, sbx))
        skip();
    assert_in_range(look.nameless_bytes, SBX_REGION_BYTES,
                    SBX_REGION_BYTES + STACK_BYTES + VARIABLES_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults_by_their_price),
        cmocka_unit_test(test_read_only_after_start),
        cmocka_unit_test(test_memory_is_of_the_region),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
