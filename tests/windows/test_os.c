/*
 * harness/target/windows/os.h's real table, each function by what it does: as far as any Windows, Wine too, does it.
 * What Wine only pretends to (entries of files, restricted tokens) is asked of a real one alone.
 */
#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/policy/windows/stand_in.h"
#include "harness/target/windows/os_parts.h"
#include "harness/target/windows/steps.h"
#include "tests/support/windows/program.h"

static const sbx_target_os *const os = &sbx_target_os_real;
static const char *place;

static int begin(void **state)
{
    (void)state;
    place = program_place("os");
    return 0;
}

static void join(char out[600], const char *name)
{
    (void)snprintf(out, 600, "%s/%s", place, name);
}

static void places(void **state)
{
    char path[600], moved[600];
    sbx_os_place about, again;
    sbx_handle handle = NULL, found = NULL;
    wchar_t *from, *to;

    (void)state;
    join(path, "file.txt");
    join(moved, "moved.txt");
    assert_int_equal(os->open_place(&handle, &about, path), SBX_OS_NOT_FOUND);
    assert_int_equal(os->write_file(path, "x"), 0);
    assert_int_not_equal(os->write_file(path, "y"), 0); /* only a new one */
    assert_true(os->is_file(path));
    assert_false(os->is_file(place));
    assert_int_equal(os->open_place(&handle, &about, path), 0);
    assert_false(about.is_directory);
    assert_false(about.is_link);
    assert_false(about.is_elsewhere);
    os->close(handle);
    from = sbx_wide_path(path);
    to = sbx_wide_path(moved);
    assert_true(MoveFileExW(from, to, 0));
    assert_int_equal(os->open_place(&handle, &again, moved), 0);
    assert_memory_equal(again.file_id, about.file_id, sizeof(about.file_id));
    assert_true(again.volume == about.volume);
    os->close(handle);
    if (os->open_file_id(&found, place, about.volume, about.file_id) == 0)
        os->close(found); /* by number, whatever it is called */
    else if (!program_is_wine())
        fail_msg("%s is not found by its number", moved);
    assert_int_equal(os->open_file_id(&found, place, about.volume + 1, about.file_id),
                     SBX_OS_NOT_FOUND);
    free(from);
    free(to);
}

/* A path with a link in it is not what it says. */
static void links(void **state)
{
    char target[600], link[600], below[600];
    sbx_os_place about;
    sbx_handle handle = NULL;
    wchar_t *link_wide, *target_wide;
    bool is_made;

    (void)state;
    join(target, "target");
    join(link, "link");
    join(below, "link/sub");
    assert_int_equal(os->make_directory(target, NULL, 0), 0);
    link_wide = sbx_wide_path(link);
    target_wide = sbx_wide_path(target);
    is_made = CreateSymbolicLinkW(link_wide, target_wide,
                                  SYMBOLIC_LINK_FLAG_DIRECTORY | 0x2 /* without privileges */) &&
              GetFileAttributesW(link_wide) != INVALID_FILE_ATTRIBUTES;
    free(link_wide);
    free(target_wide);
    if (!is_made)
        skip(); /* Wine, or a user who may not */
    assert_int_equal(os->make_directory(below, NULL, 0), 0);
    assert_int_equal(os->open_place(&handle, &about, link), 0);
    assert_true(about.is_link);
    os->close(handle);
    assert_int_equal(os->open_place(&handle, &about, below), 0);
    assert_true(about.is_elsewhere);
    os->close(handle);
    assert_int_equal(os->remove_tree(link), 0); /* the link, not what it leads to */
    join(below, "target/sub");
    assert_int_equal(os->open_place(&handle, &about, below), 0);
    os->close(handle);
}

static void trees(void **state)
{
    char path[600];
    wchar_t *wide;

    (void)state;
    join(path, "a/b/c");
    assert_int_equal(os->make_directory(path, NULL, 0), 0); /* what is above is made */
    assert_int_equal(os->make_directory(path, NULL, 0), SBX_OS_EXISTS);
    join(path, "a/b/read-only.txt");
    assert_int_equal(os->write_file(path, "x"), 0);
    wide = sbx_wide_path(path);
    assert_true(SetFileAttributesW(wide, FILE_ATTRIBUTE_READONLY));
    free(wide);
    join(path, "a/b");
    assert_int_equal(os->remove_directory(path), SBX_OS_NOT_EMPTY);
    join(path, "a");
    assert_int_equal(os->remove_tree(path), 0);
    assert_int_equal(os->remove_tree(path), SBX_OS_NOT_FOUND);
    assert_int_equal(os->remove_directory(path), SBX_OS_NOT_FOUND);
}

/* Set, read, taken away; on what was there before nothing changes. */
static void entries(void **state)
{
    static const sbx_ace ace[] = {
        {SBX_ACE_ALLOW, SBX_FILE_READ, SBX_ACE_OBJECT_INHERIT, "S-1-5-21-1-2-3-4"},
        {SBX_ACE_DENY, SBX_RIGHT_WRITE_DATA, 0, "S-1-5-21-1-2-3-4"},
    };
    sbx_os_place about;
    sbx_handle handle = NULL;
    size_t count = 9;

    (void)state;
    assert_int_equal(os->open_place(&handle, &about, place), 0);
    assert_int_equal(os->count_aces(&count, handle, &ace[0]), 0);
    assert_int_equal(count, 0);
    assert_int_equal(os->remove_ace(handle, &ace[0]), 0); /* there is none: nothing happens */
    for (size_t i = 0; i < SBX_COUNT_OF(ace); i++)
        assert_int_equal(os->add_ace(handle, &ace[i]), 0);
    for (size_t i = 0; i < SBX_COUNT_OF(ace) && !program_is_wine(); i++) {
        assert_int_equal(os->count_aces(&count, handle, &ace[i]), 0);
        assert_int_equal(count, 1);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(ace); i++) {
        assert_int_equal(os->remove_ace(handle, &ace[i]), 0);
        assert_int_equal(os->count_aces(&count, handle, &ace[i]), 0);
        assert_int_equal(count, 0);
    }
    os->close(handle);
}

/* Two runs at one absent name: the directory goes with the second end. A host that forgets entries knows of no other run. */
static void shares(void **state)
{
    static const unsigned below = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT;
    static const char *const runs[] = {"S-1-5-21-1-2-3-4-21592", "S-1-5-21-5-6-7-8-21592"};
    const sbx_ace everyone = {SBX_ACE_ALLOW, SBX_FILE_ALL, below, SBX_SID_EVERYONE};
    sbx_ace own[2], all[3];
    sbx_handle lock = NULL, again = NULL;
    bool is_made = false, was_there = true;
    char path[600];
    sbx_error error;

    (void)state;
    assert_int_equal(os->lock_places(&lock), 0);
    assert_int_equal(os->lock_places(&again), 0); /* by who has it */
    os->unlock_places(again);
    os->unlock_places(lock);
    join(path, "absent");
    for (int i = 0; i < 2; i++)
        own[i] = (sbx_ace){SBX_ACE_DENY, 0xD0156, below, runs[i]};
    all[0] = own[0];
    all[1] = everyone;
    all[2] = sbx_ace_of_stand_in();
    assert_false(sbx_place_stands_in(path));
    assert_int_equal(sbx_share_make(&is_made, path, &own[0], 1, all, 3, os, &error), SBX_OK);
    assert_true(is_made);
    if (program_is_wine()) {
        assert_int_equal(sbx_share_make(&was_there, path, &own[1], 1, all, 3, os, &error),
                         SBX_REFUSED);
        assert_false(was_there);
    } else {
        sbx_handle handle = NULL;
        sbx_os_place about;
        size_t count = 0;

        assert_true(sbx_place_stands_in(path));
        assert_int_equal(sbx_share_make(&was_there, path, &own[1], 1, all, 3, os, &error), SBX_OK);
        assert_false(was_there);
        assert_int_equal(os->open_place(&handle, &about, path), 0);
        assert_int_equal(os->count_runs(&count, handle, &own[0], runs[0]), 0);
        assert_int_equal(count, 1);
        assert_int_equal(os->count_runs(&count, handle, &own[0], ""), 0);
        assert_int_equal(count, 2);
        os->close(handle);
        assert_int_equal(sbx_share_leave(path, &own[0], runs[0], true, os, &error), SBX_OK);
        assert_true(sbx_place_stands_in(path));
    }
    assert_int_equal(sbx_share_leave(path, &own[1], runs[1], program_is_wine(), os, &error),
                     SBX_OK);
    assert_int_equal(os->remove_directory(path), SBX_OS_NOT_FOUND);
}

enum { CHANGERS = 4, CHANGES = 6 };

typedef struct changer {
    char path[700];
    int number;
    sbx_os_code code;
} changer;

static void entry_of(sbx_ace *out, char sid[64], int who, int change)
{
    (void)snprintf(sid, 64, "S-1-5-21-1-2-%d-%d", 100 + who, 200 + change);
    *out = (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_READ, 0, sid};
}

static DWORD WINAPI change_list(void *context)
{
    changer *self = context;
    sbx_os_place about;
    sbx_handle handle = NULL;

    self->code = os->open_place(&handle, &about, self->path);
    for (int i = 0; self->code == 0 && i < CHANGES; i++) {
        char sid[64];
        sbx_ace ace;

        entry_of(&ace, sid, self->number, i);
        self->code = os->add_ace(handle, &ace);
    }
    if (handle != NULL)
        os->close(handle);
    return 0;
}

/* Nobody's entry is lost to somebody else's; and who wants to change a list waits for who does. */
static void one_at_a_time(void **state)
{
    HANDLE threads[CHANGERS], lock = NULL;
    changer changers[CHANGERS];
    sbx_os_place about;
    sbx_handle handle = NULL;

    (void)state;
    assert_int_equal(sbx_os_lock_lists(&lock), 0);
    for (int i = 0; i < CHANGERS; i++) {
        changers[i] = (changer){.number = i};
        (void)snprintf(changers[i].path, sizeof(changers[i].path), "%s", place);
        threads[i] = CreateThread(NULL, 0, change_list, &changers[i], 0, NULL);
        assert_non_null(threads[i]);
    }
    assert_int_equal(WaitForMultipleObjects(CHANGERS, threads, FALSE, 300), WAIT_TIMEOUT);
    sbx_os_unlock_lists(lock);
    assert_int_equal(WaitForMultipleObjects(CHANGERS, threads, TRUE, 60000), WAIT_OBJECT_0);
    assert_int_equal(os->open_place(&handle, &about, place), 0);
    for (int i = 0; i < CHANGERS; i++) {
        CloseHandle(threads[i]);
        assert_int_equal(changers[i].code, 0);
        for (int k = 0; k < CHANGES; k++) {
            size_t count = 0;
            char sid[64];
            sbx_ace ace;

            entry_of(&ace, sid, i, k);
            assert_int_equal(os->count_aces(&count, handle, &ace), 0);
            if (!program_is_wine()) /* which forgets entries */
                assert_int_equal(count, 1);
            assert_int_equal(os->remove_ace(handle, &ace), 0);
        }
    }
    os->close(handle);
}

static void tokens(void **state)
{
    sbx_handle own = NULL, made = NULL;
    sbx_os_token facts;
    sbx_token_plan plan;
    sbx_error error;
    char sid[SBX_OS_SID_BYTES], other[SBX_OS_SID_BYTES];
    sbx_status st;

    (void)state;
    assert_int_equal(os->open_token(&own), 0);
    assert_int_equal(os->read_token(&facts, own), 0);
    assert_memory_equal(facts.user, "S-1-5-", 6);
    assert_int_equal(facts.restricting_count, 0);
    os->close(own);
    assert_int_equal(sbx_token_make_sid(sid, &error), SBX_OK);
    assert_int_equal(sbx_token_make_sid(other, &error), SBX_OK);
    assert_string_not_equal(sid, other);
    sbx_token_plan_make(&plan, &(sbx_token_sids){.run = sid,
                                                 .user = facts.user,
                                                 .logon = facts.logon[0] ? facts.logon : NULL});
    st = sbx_token_make(&made, &plan, true, os, &error);
    if (program_is_wine()) { /* it says yes, and does nothing: that is found out */
        assert_int_equal(st, SBX_REFUSED);
        assert_int_equal(error.step, SBX_STEP_IDENTITY);
        st = sbx_token_make(&made, &plan, false, os, &error);
    }
    assert_int_equal(st, SBX_OK);
    os->close(made);
}

static void desktops(void **state)
{
    static const sbx_ace everyone = {SBX_ACE_ALLOW, 0xF01FF, 0, SBX_SID_EVERYONE};
    sbx_handle desktop = NULL;
    char name[128];

    (void)state;
    if (os->make_desktop(&desktop, name, sizeof(name), "sbx-test", &everyone, 1) != 0)
        skip(); /* a service's station may have none */
    assert_non_null(strstr(name, "\\sbx-test"));
    os->close_desktop(desktop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places),   cmocka_unit_test(links),         cmocka_unit_test(trees),
        cmocka_unit_test(entries),  cmocka_unit_test(one_at_a_time), cmocka_unit_test(tokens),
        cmocka_unit_test(desktops), cmocka_unit_test(shares),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
