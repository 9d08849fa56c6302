/*
 * A terminal for the command on a played Windows: when there is one, in which order it comes and goes, that the
 * caller's console is always as it was, each call failing once; and what keys and pieces of text are in bytes.
 */
#include "tests/support/test.h"

#include "harness/policy/windows/aces.h"
#include "tests/support/played_terminal.h"

static sbx_terminal terminal;
static sbx_error error;
static sbx_handle token;

static void set_up(void)
{
    played_reset();
    played_terminal_reset();
    terminal =
        (sbx_terminal){.os = &played_terminal, .target_os = &played_windows, .must_hold = true};
    error = (sbx_error){.status = SBX_OK};
    assert_int_equal(played_windows.open_token(&token), 0);
    played.call_count = 0;
}

static void look(void)
{
    const sbx_handle caller[] = {played_stream(0), played_stream(1), played_stream(2)};

    sbx_terminal_look(&terminal, caller);
}

static void end(void)
{
    sbx_terminal_done(&terminal);
    played_windows.close(token);
}

static void check_as_it_was(const char *when)
{
    char text[2048];

    if (played_caller.mode[0] != PLAYED_INPUT_MODE || played_caller.mode[1] != PLAYED_SCREEN_MODE)
        fail_msg("%s: the caller's console has other modes", when);
    if (strstr(played_caller.order, "garbage") != NULL)
        fail_msg("%s: %s", when, played_caller.order);
    if (played.last_default_list.count != 0) /* the played token's own is empty */
        fail_msg("%s: what this process makes is still closed", when);
    played_describe_left(text, sizeof(text));
    if (text[0] != '\0')
        fail_msg("%s: left: %s", when, text);
}

static int no_signal(void)
{
    return 0;
}

static int a_signal(void)
{
    return 15;
}

/* --- which streams --- */

static void who_gets_one(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 8; bits++) {
        set_up();
        for (int fd = 0; fd < 3; fd++)
            played_caller.is_console[fd] = (bits >> fd & 1) != 0;
        look();
        if (terminal.is_wanted != ((bits & 3) == 3))
            fail_msg("streams %u: %d", bits, terminal.is_wanted);
        for (int fd = 0; fd < 3; fd++) {
            const sbx_handle caller[] = {played_stream(0), played_stream(1), played_stream(2)};
            bool has = (bits & 3) == 3 && (bits >> fd & 1) != 0;

            assert_int_equal(sbx_terminal_has(&terminal, caller, fd), has);
        }
        end();
        check_as_it_was("a look");
    }
}

static void who_gets_none(void **state)
{
    sbx_handle no_error[] = {played_stream(0), played_stream(1), NULL};
    sbx_handle no_input[] = {NULL, played_stream(1), played_stream(2)};
    sbx_handle turned[] = {played_stream(1), played_stream(0), played_stream(2)};

    (void)state;
    set_up();
    sbx_terminal_look(&terminal, no_error);
    assert_false(terminal.is_wanted);
    sbx_terminal_look(&terminal, no_input);
    assert_false(terminal.is_wanted);
    sbx_terminal_look(&terminal, turned); /* the input is no screen, whatever it is called */
    assert_false(terminal.is_wanted);
    end();
    set_up();
    played_caller.has_no_pseudo = true;
    look();
    assert_false(terminal.is_wanted);
    end();
    set_up();
    played_caller.is_old = true;
    look();
    assert_false(terminal.is_wanted);
    end();
    check_as_it_was("an old console");
}

/* --- its life --- */

static bool lets_in(const char *sid, uint32_t mask)
{
    const sbx_os_list *list = &played_caller.host_list;

    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->ace[i].sid, sid) == 0 && (list->ace[i].mask & mask) != 0)
            return true;
    return false;
}

static void a_life(void **state)
{
    (void)state;
    set_up();
    look();
    assert_true(terminal.is_wanted);
    played_caller.order[0] = '\0';
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    assert_int_equal(played_caller.mode[0], 0x3f8); /* no ^C, lines, echo; sizes, sequences */
    assert_int_equal(played_caller.mode[1], 0xf);
    assert_int_equal(played_caller.made_size.columns, 80);
    assert_int_equal(played_caller.made_size.rows, 25);
    assert_non_null(terminal.pseudo);
    assert_true(terminal.command_in == NULL && terminal.command_out == NULL);
    /* its host: the system's alone, and its owner may not say otherwise */
    assert_int_equal(played_caller.host_list.count, 2);
    assert_true(lets_in(SBX_SID_SYSTEM, SBX_GENERIC_ALL));
    assert_true(lets_in(SBX_SID_OWNER_RIGHTS, SBX_RIGHT_READ_CONTROL));
    assert_false(lets_in(SBX_SID_OWNER_RIGHTS, ~SBX_RIGHT_READ_CONTROL));
    assert_int_equal(played.last_default_list.count, 0);
    sbx_terminal_hang_up(&terminal);
    played_caller.slow = 3;
    sbx_terminal_drain(&terminal, no_signal);
    assert_int_equal(played_caller.slow, 0);
    assert_string_equal(played_caller.shown, "");
    end();
    /* the last word discards what is not there any more */
    assert_string_equal(played_caller.order, "input screen terminal copying hang-up -terminal "
                                             "discard -copying screen input");
    assert_string_equal(played_caller.shown, "\x1b[?9001l\x1b[?1004l");
    check_as_it_was("a life");
    sbx_terminal_done(&terminal); /* twice does no harm */
}

static void a_user_who_does_not_wait(void **state)
{
    (void)state;
    set_up();
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    sbx_terminal_hang_up(&terminal);
    played_caller.slow = 1000000;
    played_caller.order[0] = '\0';
    sbx_terminal_drain(&terminal, a_signal);
    assert_string_equal(played_caller.order, "discard");
    end();
    check_as_it_was("a user who does not wait");
}

/* Nobody hangs up, nobody drains: a run that failed before its command went. */
static void a_run_that_fails(void **state)
{
    (void)state;
    set_up();
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    played_caller.slow = 5;
    end();
    check_as_it_was("a run that fails");
}

static const sbx_os_size *told;

static void tell(void *context, const sbx_os_size *size)
{
    assert_ptr_equal(context, &terminal);
    told = size;
    played_caller.resized = *size;
    played_caller.resizes++;
}

static void on_path_b(void **state)
{
    const sbx_console_event resized = {.is_size = true};
    sbx_text out = {0};

    (void)state;
    set_up();
    look();
    assert_int_equal(sbx_terminal_open(&terminal, NULL, &error), SBX_OK);
    assert_null(terminal.pseudo);
    assert_true(terminal.command_in != NULL && terminal.command_out != NULL);
    assert_null(terminal.copying);
    assert_int_equal(sbx_terminal_join(&terminal, tell, &terminal, &error), SBX_OK);
    assert_true(terminal.command_in == NULL && terminal.command_out == NULL);
    assert_non_null(terminal.copying);
    played_caller.size.rows = 50;
    sbx_terminal_take(&terminal, &out, &resized, 1);
    assert_int_equal(played_caller.resizes, 1);
    assert_int_equal(played_caller.resized.rows, 50);
    sbx_terminal_hang_up(&terminal);
    sbx_terminal_drain(&terminal, no_signal);
    end();
    check_as_it_was("path B");
    sbx_text_done(&out);
    set_up(); /* and one that the runner never made */
    look();
    assert_int_equal(sbx_terminal_open(&terminal, NULL, &error), SBX_OK);
    end();
    check_as_it_was("path B without a runner");
}

/* --- faults --- */

static sbx_status open_and_join(bool is_b)
{
    sbx_status st;

    look();
    if (!terminal.is_wanted)
        return SBX_OK;
    st = sbx_terminal_open(&terminal, is_b ? NULL : token, &error);
    return st == SBX_OK && is_b ? sbx_terminal_join(&terminal, tell, &terminal, &error) : st;
}

static void check_each_call(bool is_b, unsigned least)
{
    unsigned n = 1, refused = 0, refused_modes = 0;

    for (;; n++) {
        sbx_status st;

        set_up();
        played.fails_at = n;
        st = open_and_join(is_b);
        if (played.call_count < n)
            break; /* there is no such call any more */
        if (st != SBX_OK) {
            refused++;
            refused_modes += strcmp(played.failed_in, "set_mode") == 0;
            if (error.step != SBX_STEP_STDIO || error.os_code != PLAYED_FAILURE ||
                strstr(error.message, "terminal") == NULL)
                if (strstr(error.message, "new objects") == NULL)
                    fail_msg("%s: step %s: \"%s\"", played.failed_in, sbx_step_word(error.step),
                             error.message);
        } else if (terminal.is_wanted && strcmp(played.failed_in, "set_mode") != 0) {
            fail_msg("%s failed, and nobody noticed",
                     played.failed_in); /* that one is tried again */
        }
        played.fails_at = 0;
        end();
        if (strcmp(played.failed_in, "set_default_list") == 0)
            played.last_default_list.count = 0; /* that it could not be set back is what failed */
        check_as_it_was(played.failed_in);
    }
    played.fails_at = 0;
    end();
    assert_true(refused >= least);
    assert_int_equal(refused_modes, 2);
}

static void every_call_fails_once(void **state)
{
    (void)state;
    check_each_call(false, 10);
    check_each_call(true, 5);
}

/* Of the way back too: the modes come back all the same. */
static void every_call_of_the_end_fails_once(void **state)
{
    unsigned n = 1;

    (void)state;
    for (;; n++) {
        set_up();
        assert_int_equal(open_and_join(false), SBX_OK);
        played.call_count = 0;
        played.fails_at = n;
        end();
        if (played.call_count < n)
            break;
        check_as_it_was(played.failed_in);
    }
    assert_true(n > 2);
}

static void a_system_that_lies(void **state)
{
    (void)state;
    set_up();
    played.forgets_default_list = true;
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_REFUSED);
    assert_int_equal(error.step, SBX_STEP_IDENTITY);
    assert_null(strstr(played_caller.order, "terminal"));
    end();
    check_as_it_was("a lie");
    set_up(); /* a host that is known to hold nothing */
    played.forgets_default_list = true;
    terminal.must_hold = false;
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    end();
    check_as_it_was("a lie that is known");
}

/* What the token had is there again, entry by entry. */
static void the_list_comes_back(void **state)
{
    static const sbx_ace usual[] = {{SBX_ACE_ALLOW, SBX_GENERIC_ALL, 0, "S-1-5-21-9-9-9-1001"},
                                    {SBX_ACE_ALLOW, SBX_GENERIC_ALL, 0, SBX_SID_SYSTEM},
                                    {SBX_ACE_ALLOW, 0x3, 0, "S-1-5-5-0-77"}};
    sbx_os_list found = {.count = 0};

    (void)state;
    set_up();
    assert_int_equal(played_windows.set_default_list(token, usual, SBX_COUNT_OF(usual)), 0);
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    assert_int_equal(played_windows.read_default_list(&found, token), 0);
    assert_int_equal(found.count, SBX_COUNT_OF(usual));
    for (size_t i = 0; i < found.count; i++) {
        assert_int_equal(found.ace[i].mask, usual[i].mask);
        assert_string_equal(found.ace[i].sid, usual[i].sid);
    }
    assert_int_equal(played_caller.host_list.count, 2);
    end();
}

/* --- sizes --- */

static void sizes(void **state)
{
    const sbx_console_event resized = {.is_size = true};
    const sbx_console_event burst[] = {resized, {.key = {true, 1, 65, 'a', 0}}, resized, resized};
    sbx_text out = {0};

    (void)state;
    set_up();
    look();
    assert_int_equal(sbx_terminal_open(&terminal, token, &error), SBX_OK);
    sbx_terminal_take(&terminal, &out, &resized, 1); /* a buffer that scrolls is no other window */
    assert_int_equal(played_caller.resizes, 0);
    played_caller.size = (sbx_os_size){132, 43};
    sbx_terminal_take(&terminal, &out, burst, SBX_COUNT_OF(burst));
    assert_int_equal(played_caller.resizes, 1);
    assert_int_equal(played_caller.resized.columns, 132);
    assert_int_equal(played_caller.resized.rows, 43);
    assert_string_equal(sbx_text_string(&out), "a");
    played.fails_at = played.call_count + 1; /* it cannot be asked: it stays */
    played_caller.size.rows = 1;
    sbx_terminal_take(&terminal, &out, &resized, 1);
    assert_int_equal(played_caller.resizes, 1);
    played.fails_at = 0;
    end();
    sbx_text_done(&out);
}

/* --- keys --- */

static void check_keys(const sbx_key *all, size_t count, const char *bytes, size_t length)
{
    sbx_keys keys = {0};
    sbx_text out = {0};

    for (size_t i = 0; i < count; i++)
        sbx_keys_add(&out, &keys, &all[i]);
    if (out.bytes != length || (length > 0 && memcmp(out.data, bytes, length) != 0))
        fail_msg("%zu bytes, not %zu: \"%s\"", out.bytes, length, sbx_text_string(&out));
    sbx_text_done(&out);
}

#define KEYS(bytes, ...)                                                                           \
    do {                                                                                           \
        static const sbx_key all[] = {__VA_ARGS__};                                                \
        check_keys(all, SBX_COUNT_OF(all), bytes, sizeof(bytes) - 1);                              \
    } while (0)

static void what_keys_are(void **state)
{
    (void)state;
    KEYS("a", {true, 1, 65, 'a', 0}, {false, 1, 65, 'a', 0});
    KEYS("aaa", {true, 3, 65, 'a', 0});
    KEYS("", {true, 1, 0x10, 0, 0x10}); /* shift by itself */
    KEYS("", {true, 1, 0x26, 0, 0});    /* a cursor key that is no sequence */
    KEYS("\x1b[A", {true, 1, 0, 0x1b, 0}, {true, 1, 0, '[', 0}, {true, 1, 0, 'A', 0});
    KEYS("\x03", {true, 1, 'C', 3, SBX_KEY_LEFT_CTRL});
    KEYS("\0", {true, 1, SBX_KEY_SPACE, 0, SBX_KEY_RIGHT_CTRL});
    KEYS("\0\0", {true, 2, SBX_KEY_2, 0, SBX_KEY_LEFT_CTRL});
    KEYS("", {false, 1, SBX_KEY_SPACE, 0, SBX_KEY_LEFT_CTRL}, {true, 1, SBX_KEY_SPACE, 0, 0});
    KEYS("\xc3\xa9", {false, 1, SBX_KEY_ALT, 0xe9, 0}); /* Alt and 130 */
    KEYS("\xe2\x82\xac", {true, 1, 0, 0x20ac, 0});
    KEYS("\xf0\x9f\x92\xa5", {true, 1, 0, 0xd83d, 0}, {true, 1, 0, 0xdca5, 0});
    /* the key that is let go comes between */
    KEYS("\xf0\x9f\x92\xa5", {true, 1, 0, 0xd83d, 0}, {false, 1, 0, 0xd83d, 0},
         {true, 1, 0, 0xdca5, 0});
    KEYS("\xef\xbf\xbd"
         "x",
         {true, 1, 0, 0xd83d, 0}, {true, 1, 0, 'x', 0});
    KEYS("\xef\xbf\xbd"
         "x",
         {true, 1, 0, 0xdca5, 0}, {true, 1, 0, 'x', 0});
    KEYS("\xef\xbf\xbd\xf0\x9f\x92\xa5", {true, 1, 0, 0xd83d, 0}, {true, 1, 0, 0xd83d, 0},
         {true, 1, 0, 0xdca5, 0});
}

static void modes(void **state)
{
    (void)state;
    assert_int_equal(sbx_console_raw_input(0x7), 0x208);
    assert_int_equal(sbx_console_raw_input(0xffffffff), 0xfffffff8);
    assert_int_equal(sbx_console_raw_output(0), 0xf);
    assert_int_equal(sbx_console_raw_output(0x10), 0x1f);
}

/* --- pieces of text --- */

static void where_text_may_be_cut(void **state)
{
    static const char text[] = "a\xc3\xa9-\xe2\x82\xac\xf0\x9f\x92\xa5\xf4\x8f\xbf\xbf.";
    static const char *const broken[] = {"\xff", "\x80", "ab\x80\x80\x80\x80",
                                         "\xc0", "\xf8", "\xc1"};
    size_t boundary = 0;

    (void)state;
    for (size_t cut = 0; cut < sizeof(text); cut++) {
        if (((uint8_t)text[cut] & 0xc0) != 0x80)
            boundary = cut;
        assert_int_equal(sbx_keys_whole((const uint8_t *)text, cut), boundary);
    }
    /* what never becomes a character is not waited for */
    for (size_t i = 0; i < SBX_COUNT_OF(broken); i++)
        assert_int_equal(sbx_keys_whole((const uint8_t *)broken[i], strlen(broken[i])),
                         strlen(broken[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_gets_one),
        cmocka_unit_test(who_gets_none),
        cmocka_unit_test(a_life),
        cmocka_unit_test(a_user_who_does_not_wait),
        cmocka_unit_test(a_run_that_fails),
        cmocka_unit_test(on_path_b),
        cmocka_unit_test(every_call_fails_once),
        cmocka_unit_test(every_call_of_the_end_fails_once),
        cmocka_unit_test(a_system_that_lies),
        cmocka_unit_test(the_list_comes_back),
        cmocka_unit_test(sizes),
        cmocka_unit_test(what_keys_are),
        cmocka_unit_test(modes),
        cmocka_unit_test(where_text_may_be_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
