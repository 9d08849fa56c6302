/*
 * What comes to sbx over its sockets: the messages of a job's first process, and the orders of a process that uses the
 * library, in pieces of any size. What is taken for a message is safe to use; of an order, text and input are
 * as long as it says, and nothing of it is left in the next one.
 *
 * The first byte says which; the second, of orders, how long the pieces are.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/batch/linux/serve_parts.h"
#include "harness/target/target.h"
#include "tests/fuzz/fuzz.h"

static sbx_serve_files files = {.fd = -1};

static void remove_files(void)
{
    sbx_serve_files_remove(&files);
}

static void check_message(const uint8_t *data, size_t size)
{
    sbx_wire *message = calloc(1, sizeof(*message));

    SBX_FUZZ_MUST(message != NULL);
    memcpy(message, data, size < sizeof(*message) ? size : sizeof(*message));
    if (sbx_wire_is_valid(message, size)) {
        SBX_FUZZ_MUST(size == sizeof(*message));
        SBX_FUZZ_MUST((unsigned)message->kind <= SBX_WIRE_EXITED);
        if (message->kind == SBX_WIRE_FAILED) {
            SBX_FUZZ_MUST(message->u.error.status != SBX_OK);
            SBX_FUZZ_MUST(strlen(message->u.error.message) < SBX_ERROR_TEXT_BYTES);
        }
    }
    free(message);
}

static void check_order(const sbx_serve_client *client)
{
    sbx_text path = {0};
    struct stat about;

    SBX_FUZZ_MUST(client->order.magic == SBX_PROTOCOL_MAGIC);
    SBX_FUZZ_MUST(client->order.text_bytes <= SBX_PROTOCOL_TEXT_MAX);
    SBX_FUZZ_MUST(client->text.bytes == client->order.text_bytes);
    SBX_FUZZ_MUST(client->input_left == 0 && client->input_fd < 0);
    if (client->order.input_bytes > 0) {
        sbx_serve_files_input_path(&path, &files, client->order.ticket);
        SBX_FUZZ_MUST(client->input_failed || stat(sbx_text_string(&path), &about) == 0);
        SBX_FUZZ_MUST(client->input_failed || (uint64_t)about.st_size == client->order.input_bytes);
        sbx_text_done(&path);
        sbx_serve_files_forget(&files, client->order.ticket);
    }
}

/* Every order that is whole by now. False: the client is done with. */
static bool take_orders(sbx_serve_client *client)
{
    for (;;) {
        sbx_serve_news news = sbx_serve_client_read(client);

        if (news == SBX_SERVE_GONE)
            return false;
        if (news == SBX_SERVE_NOTHING)
            return true;
        check_order(client);
    }
}

static void check_orders(const uint8_t *data, size_t size)
{
    size_t piece = 1 + (size_t)sbx_fuzz_take(&data, &size, 1);
    sbx_serve_client client;
    bool goes_on = true;
    sbx_error err;
    int pair[2];

    if (files.fd < 0) {
        SBX_FUZZ_MUST(sbx_serve_files_make(&files, &err) == SBX_OK);
        (void)atexit(remove_files);
    }
    SBX_FUZZ_MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    sbx_serve_client_init(&client, pair[0]);
    client.files = &files;
    while (size > 0 && goes_on) {
        size_t part = size < piece ? size : piece;

        SBX_FUZZ_MUST(send(pair[1], data, part, MSG_NOSIGNAL) == (ssize_t)part);
        data += part;
        size -= part;
        goes_on = take_orders(&client);
    }
    close(pair[1]);
    if (goes_on)
        SBX_FUZZ_MUST(!take_orders(&client)); /* the end is seen, wherever it comes */
    if (client.input_left > 0)
        sbx_serve_files_forget(&files, client.order.ticket);
    sbx_serve_client_done(&client);
    close(pair[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] % 2 == 0)
        check_message(data + 1, size - 1);
    else
        check_orders(data + 1, size - 1);
    return 0;
}
