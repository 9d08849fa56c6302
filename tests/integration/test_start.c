/* How sbx begins: its own first instruction maps what each start touches, and the rest of it works as ever. */
#include <elf.h>
#include <fcntl.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_page_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
