/*
 * The kernel's audit records, which quote what programs chose. The input is datagrams: two bytes of length, two of type,
 * and as many bytes of text. Each is taken apart by itself, and all of them are heard as one run's.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "audit/sources/linux/landlock_log.h"
#include "audit/sources/linux/landlock_parse.h"
#include "tests/fuzz/fuzz.h"

static const uint8_t *rest;
static size_t rest_bytes;

static int known_type(unsigned type)
{
    static const int types[] = {SBX_AUDIT_SYSCALL, SBX_AUDIT_END_OF_EVENT, SBX_AUDIT_LISTENER,
                                SBX_AUDIT_LANDLOCK_ACCESS, SBX_AUDIT_LANDLOCK_DOMAIN};

    return type < 5 ? types[type] : (int)type;
}

static void check_record(int type, const uint8_t *data, size_t size)
{
    char *exact = malloc(size > 0 ? size : 1);
    sbx_landlock_record *record = malloc(sizeof(*record));

    SBX_FUZZ_MUST(exact != NULL && record != NULL);
    if (size > 0)
        memcpy(exact, data, size);
    if (sbx_landlock_parse(record, type, exact, size)) {
        SBX_FUZZ_MUST(record->text_bytes < SBX_LANDLOCK_TEXT_BYTES);
        SBX_FUZZ_MUST(record->text[record->text_bytes] == '\0');
        if (record->kind == SBX_LANDLOCK_DENIED)
            SBX_FUZZ_MUST(record->op != NULL && record->rule != NULL);
    }
    free(record);
    free(exact);
}

/* As recv(): the next datagram of the input, its header now and then a liar. */
static ssize_t receive(int fd, void *out, size_t room)
{
    struct nlmsghdr header = {0};
    size_t bytes = (size_t)sbx_fuzz_take(&rest, &rest_bytes, 2);
    unsigned type = (unsigned)sbx_fuzz_take(&rest, &rest_bytes, 2);

    (void)fd;
    if (rest_bytes == 0) {
        errno = EAGAIN;
        return -1;
    }
    if (bytes > rest_bytes)
        bytes = rest_bytes;
    check_record(known_type(type & 0x7fff), rest, bytes);
    header.nlmsg_type = (uint16_t)known_type(type & 0x7fff);
    header.nlmsg_len = (uint32_t)(sizeof(header) + bytes) + ((type & 0x8000) ? 64 : 0);
    if (bytes > room - sizeof(header))
        bytes = room - sizeof(header);
    memcpy(out, &header, sizeof(header));
    memcpy((char *)out + sizeof(header), rest, bytes);
    rest += bytes;
    rest_bytes -= bytes;
    return (ssize_t)(sizeof(header) + bytes);
}

static bool is_ours(void *context, int32_t pid)
{
    (void)context;
    return pid % 2 == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sbx_landlock_log *log = NULL;
    sbx_denials *denials = sbx_denials_create();
    sbx_error err = {0};
    int pair[2];

    SBX_FUZZ_MUST(denials != NULL);
    SBX_FUZZ_MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
    rest = data;
    rest_bytes = size;
    SBX_FUZZ_MUST(sbx_landlock_log_create(&log, pair[0], receive, &err) == SBX_OK);
    sbx_landlock_log_follow(log, 286, denials, is_ours, NULL);
    for (size_t left = rest_bytes + 1; rest_bytes > 0 && rest_bytes < left;) {
        left = rest_bytes;
        sbx_landlock_log_serve(log);
    }
    sbx_landlock_log_finish(log, 0);
    (void)sbx_landlock_log_complete(log);
    SBX_FUZZ_MUST(sbx_denials_count(denials) <= sbx_landlock_log_count(log));
    sbx_landlock_log_free(log);
    sbx_denials_free(denials);
    close(pair[1]);
    return 0;
}
