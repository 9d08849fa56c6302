/* What sbx.exe and sbx-runner.exe say to each other: every split of every frame, each byte changed, turns and lengths. */
#include "tests/support/test.h"

#include "harness/runner/windows/protocol.h"

static const char environment[] = "PATH=C:/bin\0=C:=C:/docs\0EMPTY=";

static const sbx_frame_hello hello = {.version = SBX_PROTOCOL_VERSION,
                                      .nonce = {1, 2, 3, 250},
                                      .user = "S-1-5-21-1-2-3-1001",
                                      .logon = "S-1-5-5-0-77"};
static const sbx_frame_start start = {.version = SBX_PROTOCOL_VERSION,
                                      .job = 0x1234,
                                      .must_hold = true,
                                      .allows_everyone = true,
                                      .is_open = {true, true, true},
                                      .terminal = {132, 300},
                                      .run_sid = "S-1-5-21-9-9-9-9",
                                      .overseer = "S-1-5-21-1-2-3-1000",
                                      .group = "S-1-5-21-1-2-3-1004",
                                      .program = "C:/bin/tool.exe",
                                      .line = "tool \"\xc3\xa9\"",
                                      .cwd = "C:/docs",
                                      .desktop = "",
                                      .env = environment,
                                      .env_bytes = sizeof(environment)};
static const sbx_frame_started started = {.pid = 42, .process = 0x88, .thread = 0x8c};
static const sbx_frame_try where = {.port = {49152, 80, 0, 65535}};
static const sbx_frame_tried tried = {.answer = {SBX_NET_DENIED, SBX_NET_WENT, 3, UINT32_MAX}};
static const sbx_error failure = {SBX_NOT_FOUND, SBX_STEP_EXEC, SBX_OS_WIN32, -2, "no such file"};

static void say_all(sbx_text *out, sbx_protocol_side side)
{
    if (side == SBX_SIDE_RUNNER) {
        sbx_protocol_add_hello(out, &hello);
        sbx_protocol_add_tried(out, &tried);
        sbx_protocol_add_started(out, &started);
        sbx_protocol_add_data(out, 1, "some output", 11);
        sbx_protocol_add_credit(out, 0, 4096);
        sbx_protocol_add_data(out, 2, "\0\xff", 2);
        sbx_protocol_add_eof(out, 1);
        sbx_protocol_add_eof(out, 0);
        return;
    }
    sbx_protocol_add_try(out, &where);
    sbx_protocol_add_start(out, &start);
    sbx_protocol_add_data(out, 0, "input", 5);
    sbx_protocol_add_size(out, 1, SBX_PROTOCOL_CELLS_MAX);
    sbx_protocol_add_credit(out, 1, SBX_PROTOCOL_WINDOW);
    sbx_protocol_add_credit(out, 2, 1);
    sbx_protocol_add_eof(out, 0);
    sbx_protocol_add_eof(out, 2);
}

/* A frame as a line, so that what was heard can be compared with what was said. */
static void print(sbx_text *out, const sbx_frame *frame)
{
    sbx_text_add_format(out, "%d.%u ", frame->kind, frame->stream);
    switch (frame->kind) {
    case SBX_FRAME_HELLO:
        sbx_text_add_format(out, "%u %s %s ", frame->hello.version, frame->hello.user,
                            frame->hello.logon);
        for (size_t i = 0; i < sizeof(frame->hello.nonce); i++)
            sbx_text_add_format(out, "%02x", frame->hello.nonce[i]);
        break;
    case SBX_FRAME_START:
        sbx_text_add_format(
            out, "%u %llx %d%d %d%d%d %ux%u %s %s %s %s %s %s [%s] ", frame->start.version,
            (unsigned long long)frame->start.job, frame->start.must_hold,
            frame->start.allows_everyone, frame->start.is_open[0], frame->start.is_open[1],
            frame->start.is_open[2], frame->start.terminal.columns, frame->start.terminal.rows,
            frame->start.run_sid, frame->start.overseer, frame->start.group, frame->start.program,
            frame->start.line, frame->start.cwd, frame->start.desktop);
        sbx_text_add_escaped(out, frame->start.env, frame->start.env_bytes);
        break;
    case SBX_FRAME_STARTED:
        sbx_text_add_format(out, "%u %llx %llx", frame->started.pid,
                            (unsigned long long)frame->started.process,
                            (unsigned long long)frame->started.thread);
        break;
    case SBX_FRAME_FAILED:
        sbx_text_add_format(out, "%d %d %d %d %s", frame->failed.status, frame->failed.step,
                            frame->failed.os_domain, frame->failed.os_code, frame->failed.message);
        break;
    case SBX_FRAME_DATA:
        sbx_text_add_escaped(out, (const char *)frame->data, frame->data_bytes);
        break;
    case SBX_FRAME_CREDIT:
        sbx_text_add_format(out, "%u", frame->credit_bytes);
        break;
    case SBX_FRAME_TRY:
        for (size_t i = 0; i < SBX_NET_DOORS; i++)
            sbx_text_add_format(out, "%u ", frame->try.port[i]);
        break;
    case SBX_FRAME_TRIED:
        for (size_t i = 0; i < SBX_NET_TRIES; i++)
            sbx_text_add_format(out, "%u ", frame->tried.answer[i]);
        break;
    case SBX_FRAME_EOF:
        break;
    case SBX_FRAME_SIZE:
        sbx_text_add_format(out, "%ux%u", frame->size.columns, frame->size.rows);
        break;
    }
    sbx_text_add(out, "\n");
}

static bool is_asked = true; /* sbx.exe has said TRY */

/* Hears all of it, in pieces that end at those places. BUSY: more would have to come. */
static sbx_status hear(sbx_text *out, sbx_protocol_side from, const sbx_text *said, size_t first,
                       size_t second)
{
    sbx_protocol_reader reader;
    size_t at = 0;
    sbx_status st = SBX_OK;

    sbx_protocol_reader_init(&reader, from);
    if (is_asked)
        sbx_protocol_reader_ask(&reader);
    while (at < said->bytes && st == SBX_OK) {
        size_t end = at < first ? first : at < second ? second : said->bytes, used = 0;
        uint8_t *piece = malloc(end - at); /* of exactly that size: a step too far is seen */
        sbx_frame frame;
        bool has = false;

        assert_non_null(piece);
        memcpy(piece, said->data + at, end - at);
        st = sbx_protocol_read(&reader, piece, end - at, &used, &frame, &has, NULL);
        free(piece);
        if (st == SBX_OK && has)
            print(out, &frame);
        if (st == SBX_OK && used == 0)
            fail_msg("nothing was taken at %zu", at);
        at += used;
    }
    if (st == SBX_OK && reader.head_bytes != 0)
        st = SBX_BUSY;
    sbx_protocol_reader_done(&reader);
    return st;
}

static void check_splits(sbx_protocol_side side, const char *expected)
{
    sbx_text said = {0}, heard = {0};

    say_all(&said, side);
    assert_false(said.failed);
    for (size_t first = 1; first <= said.bytes; first++)
        for (size_t second = first; second <= said.bytes; second += 1 + said.bytes / 7) {
            sbx_text_clear(&heard);
            assert_int_equal(hear(&heard, side, &said, first, second), SBX_OK);
            assert_string_equal(sbx_text_string(&heard), expected);
        }
    sbx_text_done(&said);
    sbx_text_done(&heard);
}

static void every_split(void **state)
{
    (void)state;
    check_splits(SBX_SIDE_RUNNER, "1.0 2 S-1-5-21-1-2-3-1001 S-1-5-5-0-77 "
                                  "010203fa000000000000000000000000\n"
                                  "9.0 10013 0 3 4294967295 0 0 0 0 \n"
                                  "3.0 42 88 8c\n"
                                  "5.1 some output\n"
                                  "6.0 4096\n"
                                  "5.2 \\x00\\xff\n"
                                  "7.1 \n"
                                  "7.0 \n");
    check_splits(SBX_SIDE_SBX, "8.0 49152 80 0 65535 \n"
                               "2.0 2 1234 11 111 132x300 S-1-5-21-9-9-9-9 S-1-5-21-1-2-3-1000 "
                               "S-1-5-21-1-2-3-1004 "
                               "C:/bin/tool.exe tool \"\xc3\xa9\" C:/docs [] "
                               "PATH=C:/bin\\x00=C:=C:/docs\\x00EMPTY=\\x00\n"
                               "5.0 input\n"
                               "10.0 1x32767\n"
                               "6.1 131072\n"
                               "6.2 1\n"
                               "7.0 \n"
                               "7.2 \n");
}

/* One byte is another one: refused, or it changed what is said and nothing else. Never a longer conversation. */
static void check_mutations(sbx_protocol_side side)
{
    sbx_text said = {0}, honest = {0}, heard = {0};
    size_t refused = 0, other = 0;

    say_all(&said, side);
    assert_int_equal(hear(&honest, side, &said, 0, 0), SBX_OK);
    for (size_t at = 0; at < said.bytes; at++)
        for (unsigned value = 0; value < 256; value++) {
            char kept = said.data[at];

            if ((uint8_t)kept == value)
                continue;
            said.data[at] = (char)(uint8_t)value;
            sbx_text_clear(&heard);
            /* a length that grew swallows what comes next, and then waits for more */
            if (hear(&heard, side, &said, at, at + 1) != SBX_OK)
                refused++;
            else if (strcmp(sbx_text_string(&heard), sbx_text_string(&honest)) != 0)
                other++;
            else
                fail_msg("byte %zu as %u changes nothing", at, value);
            said.data[at] = kept;
        }
    assert_true(refused > other && other > 0);
    sbx_text_done(&said);
    sbx_text_done(&honest);
    sbx_text_done(&heard);
}

static void every_byte_changed(void **state)
{
    (void)state;
    check_mutations(SBX_SIDE_RUNNER);
    check_mutations(SBX_SIDE_SBX);
}

/* --- what is no frame --- */

static sbx_status hear_plain(sbx_protocol_side from, const sbx_text *said)
{
    sbx_text heard = {0};
    sbx_status st = hear(&heard, from, said, 0, 0);

    sbx_text_done(&heard);
    return st;
}

#define SAID(side, expected, ...)                                                                  \
    do {                                                                                           \
        sbx_text said = {0};                                                                       \
        __VA_ARGS__;                                                                               \
        if (hear_plain(side, &said) != (expected))                                                 \
            fail_msg("line %d: not %s", __LINE__, sbx_status_word(expected));                      \
        sbx_text_done(&said);                                                                      \
    } while (0)

static void add_raw(sbx_text *out, uint32_t bytes, unsigned kind, unsigned stream)
{
    const uint8_t head[] = {(uint8_t)bytes,
                            (uint8_t)(bytes >> 8),
                            (uint8_t)(bytes >> 16),
                            (uint8_t)(bytes >> 24),
                            (uint8_t)kind,
                            (uint8_t)stream,
                            0,
                            0};

    sbx_text_add_bytes(out, head, sizeof(head));
}

static void turns(void **state)
{
    (void)state;
    is_asked = true;
    /* the right ones first: a runner that fails before it greets, and after */
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_failed(&said, &failure));
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_failed(&said, &failure));
    /* out of turn */
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_started(&said, &started));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_data(&said, 1, "x", 1));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_hello(&said, &hello));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_data(&said, 1, "x", 1));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_started(&said, &started));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_failed(&said, &failure));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_failed(&said, &failure),
         sbx_protocol_add_hello(&said, &hello));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_data(&said, 0, "x", 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, say_all(&said, SBX_SIDE_SBX),
         sbx_protocol_add_start(&said, &start));
    /* the other side's */
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_failed(&said, &failure));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_start(&said, &start));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_data(&said, 1, "x", 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_credit(&said, 0, 1));
    /* after the end of that stream */
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_data(&said, 1, "x", 1));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_eof(&said, 1));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_credit(&said, 0, 1));
    SAID(SBX_SIDE_RUNNER, SBX_OK, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_data(&said, 2, "x", 1));
}

/* TRIED is an answer: it has to come where it was asked for, once, and nowhere else. */
static void turns_of_tries(void **state)
{
    sbx_frame_try odd = where;

    (void)state;
    is_asked = true;
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_tried(&said, &tried), sbx_protocol_add_started(&said, &started));
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_failed(&said, &failure));
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_tried(&said, &tried), sbx_protocol_add_failed(&said, &failure));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &started));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_tried(&said, &tried));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_tried(&said, &tried), sbx_protocol_add_tried(&said, &tried));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, say_all(&said, SBX_SIDE_RUNNER),
         sbx_protocol_add_tried(&said, &tried));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_try(&said, &where));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         add_raw(&said, 4 * SBX_NET_TRIES - 4, SBX_FRAME_TRIED, 0),
         sbx_text_add_bytes(&said, (const char *)&tried, 4 * SBX_NET_TRIES - 4));
    is_asked = false;
    SAID(SBX_SIDE_RUNNER, SBX_OK, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &started));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_tried(&said, &tried));
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_try(&said, &where),
         sbx_protocol_add_start(&said, &start));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_try(&said, &where),
         sbx_protocol_add_try(&said, &where));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_try(&said, &where));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_try(&said, &where),
         sbx_protocol_add_data(&said, 0, "x", 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_tried(&said, &tried));
    for (unsigned i = 0; i < SBX_NET_DOORS; i++) {
        odd = where;
        odd.port[i] = 0;
        SAID(SBX_SIDE_SBX, i < SBX_NET_DOORS / 2 ? SBX_CORRUPT : SBX_OK,
             sbx_protocol_add_try(&said, &odd));
    }
}

static void closed_streams(void **state)
{
    sbx_frame_start closed = start;

    (void)state;
    closed.is_open[0] = closed.is_open[2] = false;
    closed.terminal = (sbx_frame_size){0, 0};
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &closed),
         sbx_protocol_add_data(&said, 0, "x", 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &closed),
         sbx_protocol_add_credit(&said, 2, 1));
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_start(&said, &closed),
         sbx_protocol_add_credit(&said, 1, 1));
}

/* Of a terminal that was asked for, by sbx.exe, while something may still be typed. */
static void terminals(void **state)
{
    sbx_frame_start odd = start, none = start;

    (void)state;
    none.terminal = (sbx_frame_size){0, 0};
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_start(&said, &none));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &none),
         sbx_protocol_add_size(&said, 80, 25));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_size(&said, 80, 25));
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_size(&said, 80, 25), sbx_protocol_add_size(&said, 1, 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_size(&said, 0, 25));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_size(&said, 80, 0));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_size(&said, 0, 0));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_size(&said, SBX_PROTOCOL_CELLS_MAX + 1, 25));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_eof(&said, 0), sbx_protocol_add_size(&said, 80, 25));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &started), sbx_protocol_add_size(&said, 80, 25));
    odd.terminal.rows = 0;
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd));
    for (int i = 0; i < 2; i++) { /* neither without what is typed nor without what is shown */
        odd = start;
        odd.is_open[i] = false;
        SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd));
    }
    odd = start;
    odd.is_open[2] = false;
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_start(&said, &odd));
}

static void odd_frames(void **state)
{
    sbx_frame_start odd;
    sbx_frame_started nobody = {.pid = 0, .process = 4, .thread = 8};
    sbx_error fine = {.status = SBX_OK};
    static const char no_sign[] = "NAME", no_name[] = "=", two[] = "A=B\0\0C=D";

    (void)state;
    is_asked = false;
#define ODD_START(field, value)                                                                    \
    odd = start;                                                                                   \
    odd.field = value;                                                                             \
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd))
    ODD_START(program, "");
    ODD_START(program, "\xff");
    ODD_START(run_sid, "");
    ODD_START(overseer, "");
    ODD_START(cwd, "");
    ODD_START(job, 0);
    ODD_START(env_bytes, sizeof(environment) - 1); /* the last one has no end */
    odd = start;
    odd.env = no_sign;
    odd.env_bytes = sizeof(no_sign);
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd));
    odd.env = no_name;
    odd.env_bytes = sizeof(no_name);
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd));
    odd.env = two;
    odd.env_bytes = sizeof(two);
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &odd));
    odd.env_bytes = 0;
    SAID(SBX_SIDE_SBX, SBX_OK, sbx_protocol_add_start(&said, &odd));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &nobody));
    nobody = (sbx_frame_started){.pid = 1, .process = UINT64_MAX, .thread = 8}; /* "this process" */
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &nobody));
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_failed(&said, &fine));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_data(&said, 0, "", 0));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_credit(&said, 1, 0));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         sbx_protocol_add_credit(&said, 1, SBX_PROTOCOL_WINDOW + 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         add_raw(&said, 1, SBX_FRAME_EOF, 0), sbx_text_add(&said, "x"));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, sbx_protocol_add_start(&said, &start),
         add_raw(&said, 0, SBX_FRAME_EOF, 3));
}

/* A length is refused by the head alone, and what is announced is not taken from memory before it comes. */
static void lengths(void **state)
{
    sbx_protocol_reader reader;
    sbx_text head = {0};
    sbx_frame frame;
    size_t used;
    bool has;

    (void)state;
    is_asked = false;
    SAID(SBX_SIDE_RUNNER, SBX_CORRUPT, sbx_protocol_add_hello(&said, &hello),
         sbx_protocol_add_started(&said, &started),
         add_raw(&said, SBX_PROTOCOL_DATA_MAX + 1, SBX_FRAME_DATA, 1));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, add_raw(&said, SBX_PROTOCOL_START_MAX + 1, SBX_FRAME_START, 0));
    SAID(SBX_SIDE_SBX, SBX_CORRUPT, add_raw(&said, UINT32_MAX, SBX_FRAME_START, 0));
    sbx_protocol_reader_init(&reader, SBX_SIDE_SBX);
    add_raw(&head, SBX_PROTOCOL_START_MAX, SBX_FRAME_START, 0);
    assert_int_equal(sbx_protocol_read(&reader, (const uint8_t *)head.data, head.bytes, &used,
                                       &frame, &has, NULL),
                     SBX_OK);
    assert_false(has);
    assert_true(reader.body.room < 4096);
    sbx_protocol_reader_done(&reader);
    sbx_text_done(&head);
}

static void what_does_not_fit(void **state)
{
    sbx_frame_start big = start;
    sbx_text said = {0};
    char *text = malloc(SBX_PROTOCOL_START_MAX + 2);

    (void)state;
    assert_non_null(text);
    memset(text, 'x', SBX_PROTOCOL_START_MAX + 1);
    text[SBX_PROTOCOL_START_MAX + 1] = '\0';
    big.line = text;
    sbx_protocol_add_start(&said, &big);
    assert_true(said.failed);
    sbx_text_done(&said);
    sbx_protocol_add_data(&said, 1, text, SBX_PROTOCOL_DATA_MAX + 1);
    assert_true(said.failed);
    sbx_text_done(&said);
    sbx_protocol_add_data(&said, 1, text, SBX_PROTOCOL_DATA_MAX);
    assert_false(said.failed);
    sbx_text_done(&said);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_split),
        cmocka_unit_test(every_byte_changed),
        cmocka_unit_test(turns),
        cmocka_unit_test(turns_of_tries),
        cmocka_unit_test(closed_streams),
        cmocka_unit_test(terminals),
        cmocka_unit_test(odd_frames),
        cmocka_unit_test(lengths),
        cmocka_unit_test(what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
