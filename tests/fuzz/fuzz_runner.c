/*
 * What sbx.exe hears from sbx-runner.exe, and the other way round: whatever comes, in whatever pieces. What counts as
 * a frame is safe to use. The first byte says which side is heard (1: the runner's) and whether it was asked to try the
 * network (2), the second how long the pieces are.
 */
#include "harness/runner/windows/flow.h"
#include "tests/fuzz/fuzz.h"

static void check_text(const char *text, bool may_be_empty)
{
    SBX_FUZZ_MUST(text != NULL && (may_be_empty || text[0] != '\0'));
    SBX_FUZZ_MUST(sbx_utf8_is_valid(text, strlen(text)));
}

static void check_start(const sbx_frame_start *start)
{
    check_text(start->program, false);
    check_text(start->cwd, false);
    check_text(start->run_sid, false);
    check_text(start->overseer, false);
    check_text(start->group, true);
    check_text(start->line, true);
    check_text(start->desktop, true);
    for (size_t at = 0; at < start->env_bytes; at += strlen(start->env + at) + 1)
        SBX_FUZZ_MUST(strchr(start->env + at + 1, '=') != NULL);
    SBX_FUZZ_MUST(start->job != 0);
    SBX_FUZZ_MUST((start->terminal.columns == 0) == (start->terminal.rows == 0));
    SBX_FUZZ_MUST(start->terminal.columns == 0 || (start->is_open[0] && start->is_open[1]));
}

typedef struct heard {
    sbx_flow_receiver *receiver; /* of stream 0, or of 1 */
    sbx_flow_sender sender;
    bool is_started, has_terminal, has_ended[SBX_PROTOCOL_STREAMS];
    bool is_asked; /* and TRIED has not come */
} heard;

static void check_frame(heard *self, const sbx_frame *frame)
{
    SBX_FUZZ_MUST(frame->stream < SBX_PROTOCOL_STREAMS);
    switch (frame->kind) {
    case SBX_FRAME_HELLO:
        check_text(frame->hello.user, false);
        check_text(frame->hello.logon, true);
        break;
    case SBX_FRAME_START:
        check_start(&frame->start);
        self->is_started = true;
        self->has_terminal = frame->start.terminal.columns != 0;
        break;
    case SBX_FRAME_TRY:
        SBX_FUZZ_MUST(!self->is_started && frame->try.port[0] != 0 && frame->try.port[1] != 0);
        break;
    case SBX_FRAME_TRIED:
        SBX_FUZZ_MUST(self->is_asked && !self->is_started);
        self->is_asked = false;
        break;
    case SBX_FRAME_STARTED:
        SBX_FUZZ_MUST(!self->is_asked);
        self->is_started = true;
        break;
    case SBX_FRAME_FAILED:
        SBX_FUZZ_MUST(frame->failed.status != SBX_OK);
        SBX_FUZZ_MUST(strlen(sbx_status_word(frame->failed.status)) > 0);
        SBX_FUZZ_MUST(memchr(frame->failed.message, '\0', sizeof(frame->failed.message)) != NULL);
        break;
    case SBX_FRAME_DATA:
        SBX_FUZZ_MUST(self->is_started && !self->has_ended[frame->stream]);
        SBX_FUZZ_MUST(frame->data_bytes > 0 && frame->data_bytes <= SBX_PROTOCOL_DATA_MAX);
        if (frame->stream < 2 && !sbx_flow_put(self->receiver, frame->data, frame->data_bytes))
            sbx_flow_receiver_init(self->receiver);
        break;
    case SBX_FRAME_CREDIT:
        SBX_FUZZ_MUST(self->is_started && !self->has_ended[frame->stream]);
        (void)sbx_flow_take(&self->sender, 77);
        (void)sbx_flow_earn(&self->sender, frame->credit_bytes);
        SBX_FUZZ_MUST(self->sender.credit_bytes <= SBX_PROTOCOL_WINDOW);
        break;
    case SBX_FRAME_EOF:
        SBX_FUZZ_MUST(self->is_started && !self->has_ended[frame->stream]);
        self->has_ended[frame->stream] = true;
        break;
    case SBX_FRAME_SIZE:
        SBX_FUZZ_MUST(self->has_terminal && !self->has_ended[0]);
        SBX_FUZZ_MUST(frame->size.columns > 0 && frame->size.columns <= SBX_PROTOCOL_CELLS_MAX);
        SBX_FUZZ_MUST(frame->size.rows > 0 && frame->size.rows <= SBX_PROTOCOL_CELLS_MAX);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t which = sbx_fuzz_take(&data, &size, 1);
    sbx_protocol_side from = which % 2 ? SBX_SIDE_RUNNER : SBX_SIDE_SBX;
    size_t piece = (size_t)sbx_fuzz_take(&data, &size, 1) + 1;
    heard self = {.receiver = malloc(sizeof(*self.receiver)),
                  .is_asked = from == SBX_SIDE_RUNNER && (which & 2) != 0};
    sbx_protocol_reader reader;
    sbx_status st = SBX_OK;

    SBX_FUZZ_MUST(self.receiver != NULL);
    sbx_flow_receiver_init(self.receiver);
    sbx_flow_sender_init(&self.sender);
    sbx_protocol_reader_init(&reader, from);
    if (self.is_asked)
        sbx_protocol_reader_ask(&reader);
    while (size > 0 && st == SBX_OK) {
        size_t part = piece < size ? piece : size, used = 0;
        sbx_frame frame;
        bool has = false;

        st = sbx_protocol_read(&reader, data, part, &used, &frame, &has, NULL);
        SBX_FUZZ_MUST(used <= part && (used > 0 || st != SBX_OK));
        if (st == SBX_OK && has)
            check_frame(&self, &frame);
        data += used;
        size -= used;
    }
    if (st == SBX_CORRUPT) { /* for good */
        size_t used = 0;
        sbx_frame frame;
        bool has = false;

        SBX_FUZZ_MUST(sbx_protocol_read(&reader, (const uint8_t *)"", 0, &used, &frame, &has,
                                        NULL) == SBX_CORRUPT);
        SBX_FUZZ_MUST(!has);
    }
    sbx_protocol_reader_done(&reader);
    free(self.receiver);
    return 0;
}
