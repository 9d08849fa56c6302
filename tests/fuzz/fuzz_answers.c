/*
 * What the library takes from its helper, in pieces of any size, with descriptors wherever they come: texts end, what
 * does not fit the protocol is not an answer, and no descriptor is lost.
 *
 * Pieces of the input: a length, how many descriptors go with it, and so many bytes.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/embed/parts.h"
#include "tests/fuzz/fuzz.h"

enum { DESCRIPTORS_MAX = 4 };

static size_t count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    size_t count = 0;

    SBX_FUZZ_MUST(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void send_piece(int socket_fd, int fd, const uint8_t *data, size_t size, size_t count)
{
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[DESCRIPTORS_MAX];

    for (size_t i = 0; i < count; i++)
        fds[i] = fd;
    if (count > 0) {
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        CMSG_FIRSTHDR(&message)->cmsg_level = SOL_SOCKET;
        CMSG_FIRSTHDR(&message)->cmsg_type = SCM_RIGHTS;
        CMSG_FIRSTHDR(&message)->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), fds, count * sizeof(int));
    }
    SBX_FUZZ_MUST(sendmsg(socket_fd, &message, MSG_NOSIGNAL) == (ssize_t)size);
}

static void check_answer(const sbx_protocol_answer *answer)
{
    SBX_FUZZ_MUST(answer->magic == SBX_PROTOCOL_MAGIC);
    SBX_FUZZ_MUST(strlen(answer->status) < sizeof(answer->status));
    SBX_FUZZ_MUST(strlen(answer->reason) < sizeof(answer->reason));
    SBX_FUZZ_MUST(strlen(answer->run_id) < sizeof(answer->run_id));
    SBX_FUZZ_MUST(strlen(answer->message) < sizeof(answer->message));
}

/* All that is there. False: the helper is done with. */
static bool take(int socket_fd, sbx_protocol_answer *answer, size_t *have, int fd[2])
{
    int got;

    while ((got = sbx_embed_receive(socket_fd, answer, have, fd)) == 1) {
        check_answer(answer);
        SBX_FUZZ_MUST(*have == 0);
    }
    SBX_FUZZ_MUST(*have < sizeof(*answer));
    return got == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t before = count_descriptors(), have = 0;
    sbx_protocol_answer answer;
    int pair[2], fd[2] = {-1, -1}, null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool goes_on = true;

    memset(&answer, 0, sizeof(answer));
    SBX_FUZZ_MUST(null >= 0);
    SBX_FUZZ_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    while (size > 2 && goes_on) {
        size_t piece = 1 + 4 * (size_t)sbx_fuzz_take(&data, &size, 1);
        size_t count = (size_t)sbx_fuzz_take(&data, &size, 1) % (DESCRIPTORS_MAX + 1);

        if (piece > size)
            piece = size;
        send_piece(pair[1], null, data, piece, count);
        data += piece;
        size -= piece;
        goes_on = take(pair[0], &answer, &have, fd);
    }
    close(pair[1]);
    if (goes_on)
        SBX_FUZZ_MUST(!take(pair[0], &answer, &have, fd));
    close(pair[0]);
    close(null);
    for (int i = 0; i < 2; i++)
        if (fd[i] >= 0)
            SBX_FUZZ_MUST(close(fd[i]) == 0);
    SBX_FUZZ_MUST(count_descriptors() == before);
    return 0;
}
