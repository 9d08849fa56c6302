/*
 * The watch, with a kernel that hands it any call with any arguments: a pointer is a place in the input, or nowhere.
 * The first seven numbers of 16 bits are the call and its arguments (0xff00 and up: unmapped, negative, AT_FDCWD …), the
 * rest is the process's memory. Every notification is answered exactly once, and what is written down is within bounds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "audit/sources/watch.h"
#include "tests/fuzz/fuzz.h"

enum { LISTENER = 1000000, ROOM = 16384 };

static struct seccomp_notif next_call;
static unsigned answers;
static uint8_t *memory; /* ROOM bytes, and behind them nothing */

/* In place of the C library's: the listener is ours. */
int ioctl(int fd, unsigned long request, ...)
{
    va_list list;
    void *argument;

    va_start(list, request);
    argument = va_arg(list, void *);
    va_end(list);
    if (fd != LISTENER) {
        errno = ENOTTY;
        return -1;
    }
    if (request == SECCOMP_IOCTL_NOTIF_RECV) {
        memcpy(argument, &next_call, sizeof(next_call));
        return 0;
    }
    if (request == SECCOMP_IOCTL_NOTIF_SEND) {
        const struct seccomp_notif_resp *reply = argument;

        SBX_FUZZ_MUST(reply->id == next_call.id);
        SBX_FUZZ_MUST((reply->error < 0) != (reply->flags != 0));
        answers++;
    }
    return 0;
}

static void make_memory(void)
{
    if (memory != NULL)
        return;
    memory = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    SBX_FUZZ_MUST(memory != MAP_FAILED && mprotect(memory + ROOM, 4096, PROT_NONE) == 0);
}

static uint64_t argument_of(uint64_t number)
{
    static const uint64_t odd[] = {
        0, UINT64_MAX, (uint64_t)AT_FDCWD,   UINT64_C(1) << 40,
        1, 2,          UINT64_C(0xffffffff), UINT64_C(0xffff800000000000)};

    if (number >= 0xff00)
        return odd[number % 8];
    if (number >= 0xc000)
        return number - 0xc000; /* flags and descriptors */
    return (uint64_t)(uintptr_t)memory + number % (ROOM + 16);
}

static void set_up(const uint8_t *data, size_t size)
{
    make_memory();
    memset(memory, 0, ROOM);
    next_call = (struct seccomp_notif){.id = 77, .pid = (__u32)getpid()};
    next_call.data.nr = (int)(sbx_fuzz_take(&data, &size, 2) % 512);
    for (int i = 0; i < 6; i++)
        next_call.data.args[i] = argument_of(sbx_fuzz_take(&data, &size, 2));
    if (size > ROOM)
        size = ROOM;
    memcpy(memory + ROOM - size, data, size); /* up to the edge */
    memcpy(memory, data, size);
    for (size_t i = 0; i + 8 <= size && i < 128; i += 8) { /* argv: pointers into it */
        uint64_t at = argument_of((uint64_t)data[i] << 8 | data[i + 1]);

        if (data[i + 2] == 0xfe)
            memcpy(memory + i, &at, sizeof(at));
    }
}

static void check(const sbx_denials *denials, sbx_processes *processes)
{
    size_t count;
    const sbx_process_record *records = sbx_processes_take_changes(processes, &count);

    for (size_t i = 0; i < sbx_denials_count(denials); i++) {
        const sbx_denial *denial = sbx_denials_get(denials, i);

        SBX_FUZZ_MUST(denial->op != NULL && denial->rule != NULL);
        SBX_FUZZ_MUST(denial->target_bytes < 4200);
    }
    for (size_t i = 0; i < count; i++)
        SBX_FUZZ_MUST(records[i].argv_json != NULL && records[i].argv_json[0] == '[');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const sbx_place places[] = {{SBX_PLACE_WRITABLE, "/tmp", "root"},
                                       {SBX_PLACE_PROTECTED, "/tmp/.git", "protected"},
                                       {SBX_PLACE_RESERVED, "/tmp/.agents", "reserved"},
                                       {SBX_PLACE_SECRET, "/root", "secret"}};
    sbx_watch_options options = {.places = places,
                                 .place_count = 4,
                                 .network =
                                     size % 2 ? SBX_WATCH_NETWORK_NONE : SBX_WATCH_NETWORK_LOOPBACK,
                                 .may_connect = size % 3 == 0,
                                 .has_mounts = size % 5 != 0,
                                 .files_count = 64,
                                 .denials = sbx_denials_create(),
                                 .processes = sbx_processes_create()};
    sbx_watch *watch = NULL;
    sbx_error err = {0};

    set_up(data, size);
    SBX_FUZZ_MUST(sbx_watch_create(&watch, LISTENER, getpid(), &options, &err) == SBX_OK);
    answers = 0;
    sbx_watch_serve(watch);
    SBX_FUZZ_MUST(answers == 1);
    check(options.denials, options.processes);
    sbx_watch_free(watch);
    sbx_denials_free(options.denials);
    sbx_processes_free(options.processes);
    return 0;
}
