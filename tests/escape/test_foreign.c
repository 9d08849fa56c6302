/*
 * Programs of the other ABI: a 32-bit one, written here byte by byte, that opens a file to write or makes a socket, by
 * call numbers that mean something else to a filter of 64 bits. It dies at its first call, and the record says so.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

#if defined(__x86_64__)

enum { BASE = 0x08048000, HEAD = sizeof(Elf32_Ehdr) + sizeof(Elf32_Phdr), ROOM = 1024 };

typedef struct program {
    unsigned char bytes[ROOM];
    size_t size;
} program;

static void put(program *out, const void *bytes, size_t size)
{
    assert_true(out->size + size <= ROOM);
    memcpy(out->bytes + out->size, bytes, size);
    out->size += size;
}

/* mov $value, %register: eax 0, ecx 1, edx 2, ebx 3 */
static void load(program *out, unsigned char which, uint32_t value)
{
    unsigned char code = (unsigned char)(0xB8 + which);

    put(out, &code, 1);
    put(out, &value, 4);
}

static void call(program *out, uint32_t number, uint32_t first, uint32_t second, uint32_t third)
{
    static const unsigned char interrupt[] = {0xCD, 0x80};

    load(out, 3, first);
    load(out, 1, second);
    load(out, 2, third);
    load(out, 0, number);
    put(out, interrupt, sizeof(interrupt));
}

/* Leaves with 0 where the last call worked, with 10 (DENIED) where it did not. */
static void leave(program *out)
{
    static const unsigned char judge[] = {
        0xBB, SBX_PROBE_DENIED,
        0,    0,
        0,          /* mov $10, %ebx */
        0x85, 0xC0, /* test %eax, %eax */
        0x78, 0x02, /* js over the next */
        0x31, 0xDB, /* xor %ebx, %ebx */
        0xB8, 1,
        0,    0,
        0,    0xCD,
        0x80, /* exit */
    };

    put(out, judge, sizeof(judge));
}

static void write_program(const char *path, program *code)
{
    Elf32_Ehdr head = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_EXEC,
        .e_machine = EM_386,
        .e_version = EV_CURRENT,
        .e_entry = BASE + HEAD,
        .e_phoff = sizeof(Elf32_Ehdr),
        .e_ehsize = sizeof(Elf32_Ehdr),
        .e_phentsize = sizeof(Elf32_Phdr),
        .e_phnum = 1};
    Elf32_Phdr segment = {.p_type = PT_LOAD,
                          .p_vaddr = BASE,
                          .p_filesz = (Elf32_Word)(HEAD + code->size),
                          .p_memsz = (Elf32_Word)(HEAD + code->size),
                          .p_flags = PF_R | PF_X,
                          .p_align = 4096};
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
    assert_int_equal(write(fd, &segment, sizeof(segment)), sizeof(segment));
    assert_int_equal(write(fd, code->bytes, code->size), code->size);
    close(fd);
}

/* open(path, O_WRONLY | O_TRUNC): what is written is nothing, and the file is empty. The path lies before the code, which
 * is jumped to. */
static void make_opener(const char *path, const char *victim)
{
    program code = {.size = 0};
    unsigned char jump[5] = {0xE9};
    uint32_t bytes = (uint32_t)strlen(victim) + 1;

    memcpy(jump + 1, &bytes, 4);
    put(&code, jump, sizeof(jump));
    put(&code, victim, bytes);
    call(&code, 5 /* open */, BASE + HEAD + sizeof(jump), O_WRONLY | O_TRUNC, 0);
    leave(&code);
    write_program(path, &code);
}

static void make_simple(const char *path, uint32_t number, uint32_t first, uint32_t second)
{
    program code = {.size = 0};

    call(&code, number, first, second, 0);
    leave(&code);
    write_program(path, &code);
}

static int run_outside(const sbx_test_place *place, const char *path)
{
    sbx_test_request request = {.command = SBX_LIST(path), .as_is = true};
    sbx_test_outcome outcome;
    int code;

    sbx_test_run(&outcome, place, &request);
    code = outcome.exit_code;
    sbx_test_outcome_done(&outcome);
    return code;
}

/* The kernel runs such programs: else there is nothing to hold, and the run says what execve() said. */
static bool can_run(const sbx_test_place *place)
{
    const char *path = sbx_test_path(place->root, "getpid");

    make_simple(path, 20, 0, 0);
    return run_outside(place, path) == SBX_PROBE_DID;
}

static void expect_killed(const sbx_test_place *place, const char *const *options, const char *path,
                          bool is_watched)
{
    sbx_test_outcome outcome;
    json_t *rows, *run;
    bool has_row = false;

    sbx_test_exec(&outcome, place, options, SBX_LIST(path));
    sbx_test_expect(&outcome, 128 + SIGSYS, "signal", NULL);
    assert_int_equal(sbx_test_number(&outcome, "signal"), SIGSYS);
    run = sbx_test_audit_run(place, sbx_test_word(&outcome, "run_id"));
    assert_non_null(run);
    assert_string_equal(json_string_value(json_object_get(run, "status")), "signal");
    json_decref(run);
    rows = sbx_test_audit_processes(place, sbx_test_word(&outcome, "run_id"));
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const char *exe = json_string_value(json_object_get(json_array_get(rows, i), "exe"));

        has_row |= exe != NULL && strcmp(exe, path) == 0;
    }
    assert_int_equal(has_row, is_watched);
    json_decref(rows);
    sbx_test_outcome_done(&outcome);
}

static void check(const sbx_test_place *place, const char *path)
{
    expect_killed(place, SBX_NO_LIST, path, true);
    expect_killed(place, SBX_LIST("--no-watch"), path, false);
    expect_killed(place, SBX_LIST("--net", "full", "--unix-sockets"), path, true);
}

static void test_open(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->root, "opener");
    const char *victim = sbx_test_path(place->outside, "victim");

    if (!can_run(place))
        skip();
    make_opener(path, victim);
    sbx_test_write(victim, "original");
    assert_int_equal(run_outside(place, path), SBX_PROBE_DID);
    assert_true(sbx_test_holds(victim, ""));
    sbx_test_write(victim, "original");
    check(place, path);
    assert_true(sbx_test_holds(victim, "original"));
}

/* socket() has a number of its own there, 359, which means nothing here. */
static void test_socket(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->root, "caller");

    if (!can_run(place))
        skip();
    make_simple(path, 359, 16 /* AF_NETLINK */, 3);
    assert_int_equal(run_outside(place, path), SBX_PROBE_DID);
    check(place, path);
}

/* A 64-bit program that makes one such call, in a child: the child dies, the program goes on and says so. */
static void test_interrupt(void **state)
{
    const sbx_test_place *place = *state;
    sbx_test_escape escape = {.attempt = SBX_LIST("i386-syscall"), .flags = SBX_ESCAPE_MAY_LACK};

    sbx_test_try_escape(place, &escape);
    escape.options = SBX_LIST("--no-watch");
    sbx_test_try_escape(place, &escape);
}

/* Where the kernel cannot run it, it was not run: the verdict is not a program's. */
static void test_unknown_machine(void **state)
{
    const sbx_test_place *place = *state;
    const char *path = sbx_test_path(place->root, "unknown");
    sbx_test_outcome outcome;
    Elf32_Half machine = EM_AVR;
    int fd;

    make_simple(path, 20, 0, 0);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &machine, sizeof(machine), offsetof(Elf32_Ehdr, e_machine)),
                     sizeof(machine));
    close(fd);
    sbx_test_exec(&outcome, place, SBX_NO_LIST, SBX_LIST(path));
    assert_int_not_equal(outcome.exit_code, 0);
    sbx_test_outcome_done(&outcome);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),        sbx_unit_test(test_open),
        sbx_unit_test(test_socket),          sbx_unit_test(test_interrupt),
        sbx_unit_test(test_unknown_machine),
    };

    return cmocka_run_group_tests_name("escape: foreign", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}

#else

int main(void)
{
    return 77; /* the programs are for x86 */
}

#endif
