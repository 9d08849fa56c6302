/* A runner: the library's end of the socket, and what is under way. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "harness/embed/parts.h"
#include "harness/embed/program.h"

enum {
    PATH_BYTES_MAX = 4096,
    GREET_MS = 60000, /* the audit database may be held for a while */
};

/* A command whose result has not come. They are found by ticket, and most end in the order of their coming. */
typedef struct under_way {
    struct under_way *next;
    uint64_t ticket;
    void *data;
} under_way;

struct sbx_runner {
    int socket_fd;
    bool is_lost;
    uint64_t last_ticket;
    size_t pending;
    under_way *first, **end;
    char *policy; /* of commands that name none */
    sbx_protocol_answer answer;
    size_t have; /* bytes of it */
    int fd[2];   /* that came with it */
    char id[32];
};

/* A result with the memory that its texts are in. */
typedef struct kept_result {
    sbx_result public;
    sbx_protocol_answer answer;
} kept_result;

const char *sbx_version(void)
{
    return SBX_VERSION;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int lose(sbx_runner *self, sbx_error *error)
{
    self->is_lost = true;
    return sbx_embed_fail(error, SBX_LOST, 0, "the helper of libsbx is gone");
}

/* --- results --- */

static const char empty[1] = "";

/* Nobody writes to it any more, and it has no name: it stays as it is. */
static const char *map_output(size_t *out_bytes, int fd)
{
    struct stat found;
    void *data;

    *out_bytes = 0;
    if (fd < 0 || fstat(fd, &found) != 0 || found.st_size <= 0)
        return empty;
    data = mmap(NULL, (size_t)found.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED)
        return NULL;
    *out_bytes = (size_t)found.st_size;
    return data;
}

static void unmap_output(const char *data, size_t bytes)
{
    if (bytes > 0)
        (void)munmap((void *)(uintptr_t)data, bytes);
}

void sbx_result_free(sbx_result *result)
{
    if (result == NULL)
        return;
    unmap_output(result->output, result->output_bytes);
    unmap_output(result->errors, result->errors_bytes);
    free(result); /* it is the first member of what was allocated */
}

/* What was submitted under that ticket is no longer under way. False: nothing was. */
static bool take_ticket(void **out_data, sbx_runner *self, uint64_t ticket)
{
    for (under_way **at = &self->first; *at != NULL; at = &(*at)->next) {
        under_way *found = *at;

        if (found->ticket != ticket)
            continue;
        *out_data = found->data;
        *at = found->next;
        if (self->end == &found->next)
            self->end = at;
        free(found);
        self->pending--;
        return true;
    }
    return false;
}

static int take_answer(sbx_result **out, sbx_runner *self, sbx_error *error)
{
    kept_result *kept = calloc(1, sizeof(*kept));
    sbx_result *result = &kept->public;
    int code = SBX_OK;

    if (kept == NULL) {
        code = sbx_embed_fail(error, SBX_SYSTEM, ENOMEM, "keep a result");
        goto out;
    }
    kept->answer = self->answer;
    *result = (sbx_result){.ticket = kept->answer.ticket,
                           .status = kept->answer.status,
                           .reason = kept->answer.reason,
                           .message = kept->answer.message,
                           .run_id = kept->answer.run_id,
                           .exit_code = kept->answer.exit_code,
                           .signal = kept->answer.signal,
                           .started_us = kept->answer.started_us,
                           .wall_ns = kept->answer.wall_ns,
                           .cpu_ns = kept->answer.cpu_ns,
                           .memory_peak_bytes = kept->answer.memory_peak_bytes,
                           .denied = kept->answer.denied};
    if (!take_ticket(&result->data, self, result->ticket)) {
        free(kept);
        code = lose(self, error);
        goto out;
    }
    result->output = map_output(&result->output_bytes, self->fd[0]);
    result->errors = map_output(&result->errors_bytes, self->fd[1]);
    if (result->output == NULL || result->errors == NULL) {
        code = sbx_embed_fail(error, SBX_SYSTEM, errno, "map what a command wrote");
        sbx_result_free(result);
        goto out;
    }
    *out = result;

out:
    close_fd(&self->fd[0]);
    close_fd(&self->fd[1]);
    return code;
}

static int64_t now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* OK: an answer is there, whole. */
static int wait_answer(sbx_runner *self, int timeout_ms, sbx_error *error)
{
    int64_t end = now_ms() + timeout_ms;

    for (;;) {
        struct pollfd wait = {.fd = self->socket_fd, .events = POLLIN};
        int got = sbx_embed_receive(self->socket_fd, &self->answer, &self->have, self->fd);
        int64_t left = timeout_ms < 0 ? -1 : end - now_ms();

        if (got != 0)
            return got > 0 ? SBX_OK : lose(self, error);
        if (timeout_ms >= 0 && left <= 0)
            return SBX_NOTHING;
        if (poll(&wait, 1, (int)left) < 0 && errno != EINTR)
            return sbx_embed_fail(error, SBX_SYSTEM, errno, "wait for the helper");
    }
}

int sbx_next(sbx_runner *runner, sbx_result **out, int timeout_ms, sbx_error *error)
{
    int code;

    *out = NULL;
    if (runner->is_lost)
        return lose(runner, error);
    if (runner->pending == 0)
        return SBX_NOTHING;
    code = wait_answer(runner, timeout_ms, error);
    return code == SBX_OK ? take_answer(out, runner, error) : code;
}

int sbx_finish(sbx_runner *runner, void (*each)(void *context, const sbx_result *result),
               void *context, sbx_error *error)
{
    sbx_result *result;
    int code;

    while ((code = sbx_next(runner, &result, -1, error)) == SBX_OK) {
        if (each != NULL)
            each(context, result);
        sbx_result_free(result);
    }
    return code == SBX_NOTHING ? SBX_OK : code;
}

/* --- commands --- */

static int send_order(sbx_runner *self, const sbx_protocol_order *order, const char *text,
                      const void *input, sbx_error *error)
{
    if (self->is_lost || !sbx_embed_send(self->socket_fd, order, sizeof(*order)) ||
        !sbx_embed_send(self->socket_fd, text, order->text_bytes) ||
        !sbx_embed_send(self->socket_fd, input, (size_t)order->input_bytes))
        return lose(self, error);
    return SBX_OK;
}

static sbx_protocol_order make_order(sbx_protocol_kind kind, uint64_t ticket, size_t text_bytes,
                                     size_t input_bytes)
{
    return (sbx_protocol_order){.magic = SBX_PROTOCOL_MAGIC,
                                .version = SBX_PROTOCOL_VERSION,
                                .kind = kind,
                                .text_bytes = (uint32_t)text_bytes,
                                .ticket = ticket,
                                .input_bytes = input_bytes};
}

/* As much of it as its caller knows. */
static int read_command(sbx_command *out, const sbx_command *command, sbx_error *error)
{
    memset(out, 0, sizeof(*out));
    if (command->size < offsetof(sbx_command, argv) + sizeof(command->argv))
        return sbx_embed_fail(error, SBX_INVALID, 0, "a command's size is not said");
    memcpy(out, command, command->size < sizeof(*out) ? command->size : sizeof(*out));
    if (out->argv == NULL || out->argv[0] == NULL)
        return sbx_embed_fail(error, SBX_INVALID, 0, "a command has no words");
    if (out->input_bytes > SBX_PROTOCOL_INPUT_MAX)
        return sbx_embed_fail(error, SBX_INVALID, 0, "a command's input has more than 1 GiB");
    return SBX_OK;
}

int sbx_submit(sbx_runner *runner, const sbx_command *command, uint64_t *out_ticket,
               sbx_error *error)
{
    under_way *added = NULL;
    sbx_protocol_order order;
    sbx_command wanted;
    char *text = NULL;
    int code = read_command(&wanted, command, error);

    if (code != SBX_OK)
        return code;
    text = sbx_embed_command_text(&wanted, runner->policy);
    added = calloc(1, sizeof(*added));
    if (text == NULL || added == NULL) {
        code = sbx_embed_fail(error, SBX_SYSTEM, ENOMEM, "submit a command");
    } else if (strlen(text) > SBX_PROTOCOL_TEXT_MAX) {
        code = sbx_embed_fail(error, SBX_INVALID, 0, "a command has more than 1 MiB of text");
    } else {
        order =
            make_order(SBX_PROTOCOL_RUN, runner->last_ticket + 1, strlen(text), wanted.input_bytes);
        code = send_order(runner, &order, text, wanted.input, error);
    }
    free(text);
    if (code != SBX_OK) {
        free(added);
        return code;
    }
    *added = (under_way){.ticket = ++runner->last_ticket, .data = wanted.data};
    *runner->end = added;
    runner->end = &added->next;
    runner->pending++;
    if (out_ticket != NULL)
        *out_ticket = added->ticket;
    return SBX_OK;
}

int sbx_cancel(sbx_runner *runner, uint64_t ticket, sbx_error *error)
{
    const sbx_protocol_order order = make_order(SBX_PROTOCOL_CANCEL, ticket, 0, 0);

    return send_order(runner, &order, "", "", error);
}

/* --- its life --- */

static int greet(sbx_runner *self, const sbx_options *options, sbx_error *error)
{
    char *text = sbx_embed_options_text(options);
    sbx_protocol_order order;
    int code;

    if (text == NULL)
        return sbx_embed_fail(error, SBX_SYSTEM, ENOMEM, "make a runner");
    order = make_order(SBX_PROTOCOL_OPEN, 0, strlen(text), 0);
    code = send_order(self, &order, text, "", error);
    free(text);
    if (code == SBX_OK)
        code = wait_answer(self, GREET_MS, error);
    if (code == SBX_NOTHING) {
        self->is_lost = true; /* nor will it end because we ask it to */
        code = SBX_LOST;
    }
    if (code == SBX_LOST)
        return sbx_embed_fail(error, SBX_REFUSED, 0,
                              "the program that was started is no sbx that libsbx " SBX_VERSION
                              " knows");
    if (code != SBX_OK)
        return code;
    if (self->answer.version != SBX_PROTOCOL_VERSION)
        return sbx_embed_fail(error, SBX_REFUSED, 0,
                              "the program sbx is of another version than libsbx " SBX_VERSION);
    if (self->answer.is_refusal)
        return sbx_embed_fail(error, SBX_REFUSED, 0, "%s", self->answer.message);
    memcpy(self->id, self->answer.run_id, sizeof(self->id));
    return SBX_OK;
}

static int open_runner(sbx_runner *self, const sbx_options *options, sbx_error *error)
{
    char found[PATH_BYTES_MAX];
    const char *program = options->program;
    int pair[2], code;

    self->policy = strdup(options->policy == NULL ? "read-only" : options->policy);
    if (self->policy == NULL)
        return sbx_embed_fail(error, SBX_SYSTEM, ENOMEM, "make a runner");
    if (program == NULL && sbx_embed_find_program(found, sizeof(found)))
        program = found;
    if (program == NULL)
        return sbx_embed_fail(error, SBX_REFUSED, 0,
                              "the program " SBX_PROGRAM_NAME
                              " is neither beside libsbx nor in PATH");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return sbx_embed_fail(error, SBX_SYSTEM, errno, "make a socket");
    self->socket_fd = pair[0];
    code = sbx_embed_start(program, pair[1], error);
    (void)close(pair[1]);
    return code == SBX_OK ? greet(self, options, error) : code;
}

int sbx_open(sbx_runner **out, const sbx_options *options, sbx_error *error)
{
    sbx_runner *self = calloc(1, sizeof(*self));
    sbx_options wanted = {0};
    int code;

    *out = NULL;
    if (self == NULL)
        return sbx_embed_fail(error, SBX_SYSTEM, ENOMEM, "make a runner");
    self->socket_fd = self->fd[0] = self->fd[1] = -1;
    self->end = &self->first;
    if (options != NULL)
        memcpy(&wanted, options, options->size < sizeof(wanted) ? options->size : sizeof(wanted));
    if (options != NULL && options->size < sizeof(size_t))
        code = sbx_embed_fail(error, SBX_INVALID, 0, "the options' size is not said");
    else
        code = open_runner(self, &wanted, error);
    if (code == SBX_OK)
        *out = self;
    else
        sbx_close(self);
    return code;
}

/* The helper ends when it sees the end of what we send; its socket ends when nothing of it is left. */
void sbx_close(sbx_runner *runner)
{
    char rest[4096];
    ssize_t got = 1;

    if (runner == NULL)
        return;
    if (runner->socket_fd >= 0 && !runner->is_lost) {
        (void)shutdown(runner->socket_fd, SHUT_WR);
        while (got > 0 || (got < 0 && errno == EINTR)) /* descriptors that come are dropped */
            got = recv(runner->socket_fd, rest, sizeof(rest), 0);
    }
    close_fd(&runner->socket_fd);
    close_fd(&runner->fd[0]);
    close_fd(&runner->fd[1]);
    while (runner->first != NULL) {
        under_way *next = runner->first->next;

        free(runner->first);
        runner->first = next;
    }
    free(runner->policy);
    free(runner);
}

const char *sbx_runner_id(const sbx_runner *runner)
{
    return runner->id;
}

size_t sbx_pending(const sbx_runner *runner)
{
    return runner->pending;
}

int sbx_fd(const sbx_runner *runner)
{
    return runner->socket_fd;
}

int sbx_exec(sbx_result **out, const sbx_options *options, const sbx_command *command,
             sbx_error *error)
{
    sbx_runner *runner = NULL;
    sbx_options one = {.size = sizeof(one)};
    int code;

    *out = NULL;
    if (options != NULL)
        memcpy(&one, options, options->size < sizeof(one) ? options->size : sizeof(one));
    one.jobs = 1;
    code = sbx_open(&runner, &one, error);
    if (code == SBX_OK)
        code = sbx_submit(runner, command, NULL, error);
    if (code == SBX_OK)
        code = sbx_next(runner, out, -1, error);
    sbx_close(runner);
    return code;
}
