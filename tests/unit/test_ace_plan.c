/*
 * harness/policy/windows/ace_plan.h held against the documented access check: for each operation and place, what a
 * target may do on path A and on path B.
 */
#include "tests/support/test.h"

#include <ctype.h>

#include "harness/policy/windows/ace_plan.h"
#include "tests/support/access.h"

#define CALLER "S-1-5-21-1-1-1-1001"
#define SANDBOX "S-1-5-21-1-1-1-1050"
#define GROUP "S-1-5-21-1-1-1-1060"
#define USERS "S-1-5-32-545"
#define LOGON "S-1-5-5-0-77"
#define RUN "S-1-5-21-11-22-33-44"
#define OTHER_RUN "S-1-5-21-55-66-77-88"

static const sbx_rule rules[] = {
    {SBX_RULE_WRITE, true, "/project", "write"},
    {SBX_RULE_WRITE, true, "/project/.git/objects",
     "write"}, /* nested below a protected name: see below */
    {SBX_RULE_WRITE, false, "/single.txt", "write"},
    {SBX_RULE_PROTECT, true, "/project/.git", "protect .git"},
    {SBX_RULE_PROTECT, false, "/project/pinned/deep/keep.txt", "deny_write"},
    {SBX_RULE_PROTECT_ABSENT, true, "/project/.agents", "protect .agents"},
    {SBX_RULE_PIN, true, "/project/pinned", "pin"},
    {SBX_RULE_PIN, true, "/project/pinned/deep", "pin"},
    {SBX_RULE_DENY, true, "/project/secret", "deny"},
    {SBX_RULE_DENY, true, "/home/.ssh", "secret"},
};

static sbx_ace_step steps[SBX_ACE_STEPS_MAX];
static size_t step_count;

/* What stands on the host without sbx: everything is the caller's, but for two places. */
static void add_own_entries(oracle_object *object, const char *path)
{
    if (strcmp(path, "/") == 0) {
        unsigned all = SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT;

        oracle_add(object, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, all, CALLER});
        oracle_add(object, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, all, SBX_SID_SYSTEM});
        oracle_add(object, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_READ | SBX_FILE_EXECUTE, all, USERS});
    }
    if (strcmp(path, "/everyone") == 0)
        oracle_add(object,
                   (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL,
                             SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT, SBX_SID_EVERYONE});
    if (strcmp(path, "/other") == 0)
        oracle_add(object,
                   (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL & ~SBX_RIGHT_DELETE_CHILD,
                             SBX_ACE_OBJECT_INHERIT | SBX_ACE_CONTAINER_INHERIT, OTHER_RUN});
}

static bool is_file(const char *path)
{
    return strchr(strrchr(path, '/') + 1, '.') != NULL && strrchr(path, '/')[1] != '.';
}

static void object_at(oracle_object *out, const char *path, const char *owner)
{
    char above[128];
    oracle_object parent;
    const char *slash = strrchr(path, '/');

    if (strcmp(path, "/") == 0) {
        *out = (oracle_object){.owner = owner};
    } else {
        (void)snprintf(above, sizeof(above), "%.*s", slash == path ? 1 : (int)(slash - path), path);
        object_at(&parent, above, CALLER);
        oracle_inherit(out, &parent, !is_file(path), owner, NULL);
    }
    add_own_entries(out, path);
    for (size_t i = 0; i < step_count; i++)
        if (strcmp(steps[i].path, path) == 0)
            oracle_add(out, steps[i].ace);
}

static void set_up(const char *group)
{
    sbx_plan plan = {.rules = rules, .rule_count = SBX_COUNT_OF(rules), .temp_path = "/temp/RUN"};
    sbx_ace_sids sids = {RUN, group};

    step_count = sbx_ace_plan(steps, SBX_COUNT_OF(steps), &plan, &sids);
    assert_true(step_count > 0 && step_count < SBX_COUNT_OF(steps));
}

static void restrict_token(oracle_token *token, const sbx_token_sids *sids)
{
    sbx_token_plan made;

    sbx_token_plan_make(&made, sids);
    token->is_write_restricted = (made.flags & SBX_TOKEN_WRITE_RESTRICTED) != 0;
    for (size_t i = 0; i < made.restricting_count; i++)
        token->restricting[token->restricting_count++] = made.restricting[i];
}

static oracle_token path_a_with(bool allows_everyone)
{
    oracle_token token = {.sids = {{CALLER, true, false},
                                   {USERS, true, false},
                                   {LOGON, true, false},
                                   {SBX_SID_EVERYONE, true, false},
                                   {SBX_SID_ADMINISTRATORS, false, true}},
                          .sid_count = 5};
    sbx_token_sids sids = {
        .run = RUN, .logon = LOGON, .user = CALLER, .allows_everyone = allows_everyone};

    restrict_token(&token, &sids);
    return token;
}

static oracle_token path_a(void)
{
    return path_a_with(false);
}

static oracle_token path_b(void)
{
    oracle_token token = {.sids = {{SANDBOX, true, false},
                                   {GROUP, true, false},
                                   {USERS, true, false},
                                   {LOGON, true, false},
                                   {SBX_SID_EVERYONE, true, false}},
                          .sid_count = 5};
    sbx_token_sids sids = {.run = RUN, .logon = LOGON, .user = SANDBOX, .is_sandbox_user = true};

    restrict_token(&token, &sids);
    return token;
}

/* r read  w write, or add a file  m make a directory  d delete or rename  p change the list  o take it over */
static bool may(const oracle_token *token, const char *path, char operation)
{
    oracle_object object, parent;
    char above[128];
    const char *slash = strrchr(path, '/');

    object_at(&object, path, CALLER);
    switch (operation) {
    case 'r':
        return oracle_grants(token, &object, &oracle_files, SBX_GENERIC_READ);
    case 'w':
        return oracle_grants(token, &object, &oracle_files, SBX_RIGHT_WRITE_DATA);
    case 'm':
        return oracle_grants(token, &object, &oracle_files, SBX_RIGHT_APPEND_DATA);
    case 'p':
        return oracle_grants(token, &object, &oracle_files, SBX_RIGHT_WRITE_DAC);
    case 'o':
        return oracle_grants(token, &object, &oracle_files, SBX_RIGHT_WRITE_OWNER);
    default: /* the file system asks the file, and where that says no its directory */
        (void)snprintf(above, sizeof(above), "%.*s", slash == path ? 1 : (int)(slash - path), path);
        object_at(&parent, above, CALLER);
        return oracle_grants(token, &object, &oracle_files, SBX_RIGHT_DELETE) ||
               oracle_grants(token, &parent, &oracle_files, SBX_RIGHT_DELETE_CHILD);
    }
}

/* Upper case: may. Lower case: may not. */
static void check(const oracle_token *token, const char *path, const char *expected)
{
    for (; *expected != '\0'; expected++) {
        char operation = (char)tolower((unsigned char)*expected);
        bool wanted = isupper((unsigned char)*expected) != 0;

        if (may(token, path, operation) != wanted)
            fail_msg("%s: '%c' is%s allowed", path, operation, wanted ? " not" : "");
    }
}

typedef struct expectation {
    const char *path, *path_a, *path_b;
} expectation;

static const expectation table[] = {
    {"/project", "RWMdpo", "RWMdpo"}, /* filled, not taken away */
    {"/project/new.c", "RWMDpo", "RWMDpo"},
    {"/project/src", "RWMDpo", "RWMDpo"},
    {"/project/src/deep/a.c", "RWMDpo", "RWMDpo"},
    {"/project/.git", "Rwmdpo", "Rwmdpo"},
    {"/project/.git/config.x", "Rwmdpo", "Rwmdpo"},
    {"/project/.git/hooks/pre.sh", "Rwmdpo", "Rwmdpo"},
    {"/project/.git/objects", "RWMdpo",
     "RWMdpo"}, /* what is said nearer wins, in both directions */
    {"/project/.agents", "Rwmdpo", "Rwmdpo"},
    {"/project/.agents/x.md", "Rwmdpo", "Rwmdpo"},
    {"/project/pinned", "RWMdpo", "RWMdpo"}, /* used, not renamed */
    {"/project/pinned/deep", "RWMdpo", "RWMdpo"},
    {"/project/pinned/deep/keep.txt", "Rwmdpo", "Rwmdpo"},
    {"/project/pinned/deep/free.txt", "RWMDpo", "RWMDpo"},
    {"/project/secret", "Rwmdpo", "rwmdpo"},
    {"/project/secret/key.pem", "Rwmdpo", "rwmdpo"},
    {"/home/.ssh/id.key", "Rwmdpo", "rwmdpo"},
    {"/home/notes.txt", "Rwmdpo", "Rwmdpo"},
    {"/single.txt", "RWMdpo", "RWMdpo"},
    {"/single", "Rwmdpo", "Rwmdpo"}, /* beside it */
    {"/temp/RUN", "RWMdpo", "RWMdpo"},
    {"/temp/RUN/x.tmp", "RWMDpo", "RWMDpo"},
    {"/temp/OTHER", "Rwmdpo", "Rwmdpo"},
    {"/everyone", "Rwmdpo", "Rwmdpo"},
    {"/everyone/x.txt", "Rwmdpo", "Rwmdpo"},
    {"/other", "Rwmdpo", "Rwmdpo"}, /* another run's root */
    {"/other/x.txt", "Rwmdpo", "Rwmdpo"},
    {"/", "Rwmdpo", "Rwmdpo"},
};

static void on_path_a(void **state)
{
    oracle_token token = path_a();

    (void)state;
    set_up(NULL);
    for (size_t i = 0; i < SBX_COUNT_OF(table); i++)
        check(&token, table[i].path, table[i].path_a);
}

static void on_path_b(void **state)
{
    oracle_token token = path_b();

    (void)state;
    set_up(GROUP);
    for (size_t i = 0; i < SBX_COUNT_OF(table); i++)
        check(&token, table[i].path, table[i].path_b);
}

/* The switch opens what Everyone may write, to the last right that Everyone has there, and nothing else. */
static void with_everyone(void **state)
{
    oracle_token token = path_a_with(true);

    (void)state;
    set_up(NULL);
    for (size_t i = 0; i < SBX_COUNT_OF(table); i++)
        check(&token, table[i].path,
              strncmp(table[i].path, "/everyone", strlen("/everyone")) == 0 ? "RWMDPO"
                                                                            : table[i].path_a);
}

/* The list of \Device\Null: Everyone reads and writes, restricted code (S-1-5-12) only reads. */
static void the_null_device(void **state)
{
    static const char restricted_code[] = "S-1-5-12";
    const uint32_t both = SBX_FILE_READ | SBX_FILE_WRITE | SBX_FILE_EXECUTE;
    oracle_object null = {.owner = SBX_SID_ADMINISTRATORS};
    oracle_token without = path_a(), with = path_a_with(true), narrow = path_a();

    (void)state;
    oracle_add(&null, (sbx_ace){SBX_ACE_ALLOW, both, 0, SBX_SID_EVERYONE});
    oracle_add(&null, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, 0, SBX_SID_SYSTEM});
    oracle_add(&null, (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_ALL, 0, SBX_SID_ADMINISTRATORS});
    oracle_add(&null,
               (sbx_ace){SBX_ACE_ALLOW, SBX_FILE_READ | SBX_FILE_EXECUTE, 0, restricted_code});
    assert_true(oracle_grants(&without, &null, &oracle_files, SBX_GENERIC_READ));
    assert_false(oracle_grants(&without, &null, &oracle_files, SBX_GENERIC_WRITE));
    assert_true(oracle_grants(&with, &null, &oracle_files, SBX_GENERIC_READ | SBX_GENERIC_WRITE));
    narrow.restricting[narrow.restricting_count++] = restricted_code;
    assert_false(oracle_grants(&narrow, &null, &oracle_files, SBX_GENERIC_WRITE));
}

/* Each wall is what holds: taken away, the same attempt gets through. */
static void without_the_walls(void **state)
{
    oracle_token token = path_a();

    (void)state;
    set_up(NULL);
    token.restricting_count = 0;
    check(&token, "/home/notes.txt", "WDP");
    token = path_a();
    for (size_t i = 0; i < step_count; i++)
        if (steps[i].ace.kind == SBX_ACE_DENY)
            steps[i].ace.mask = 0;
    check(&token, "/project/.git/config.x", "WD");
    check(&token, "/project/pinned", "D");
    for (size_t i = 0; i < step_count; i++)
        steps[i].ace.flags &= ~(unsigned)SBX_ACE_INHERIT_ONLY;
    check(&token, "/project", "D");
    for (size_t i = 0; i < step_count; i++)
        steps[i].ace.sid = OTHER_RUN;
    check(&token, "/project/new.c", "wd");
}

/* The reading of "write access" that would let deleting through is the reason why a host is asked. */
static void under_the_narrow_reading(void **state)
{
    oracle_token token = path_a();

    (void)state;
    set_up(NULL);
    token.reading = ORACLE_NARROW;
    for (size_t i = 0; i < SBX_COUNT_OF(table); i++) {
        if (may(&token, table[i].path, 'w') != (strchr(table[i].path_a, 'W') != NULL))
            fail_msg("%s: writing", table[i].path);
        if (may(&token, table[i].path, 'm') != (strchr(table[i].path_a, 'M') != NULL))
            fail_msg("%s: appending", table[i].path);
    }
    check(&token, "/home/notes.txt", "D");
}

/* What a run made in a root is the caller's own, also where another user made it. */
static void what_was_made_stays_the_callers(void **state)
{
    oracle_token caller = {.sids = {{CALLER, true, false}, {SBX_SID_EVERYONE, true, false}},
                           .sid_count = 2};
    oracle_object made;

    (void)state;
    set_up(GROUP);
    object_at(&made, "/project/made.txt", SANDBOX);
    assert_true(oracle_grants(&caller, &made, &oracle_files, SBX_GENERIC_ALL));
}

static void the_token(void **state)
{
    sbx_token_plan a, b;
    sbx_token_sids sids = {.run = RUN, .logon = LOGON, .user = CALLER};

    (void)state;
    sbx_token_plan_make(&a, &sids);
    assert_int_equal(a.flags, 0x1 | 0x4 | 0x8);
    assert_int_equal(a.restricting_count, 2);
    assert_string_equal(a.restricting[0], RUN);
    assert_string_equal(a.restricting[1], LOGON);
    for (size_t i = 0; i < a.default_count; i++) {
        assert_string_not_equal(a.default_aces[i].sid, SBX_SID_EVERYONE);
        assert_string_not_equal(a.default_aces[i].sid, LOGON);
    }
    sids.allows_everyone = true;
    sbx_token_plan_make(&b, &sids);
    assert_int_equal(b.restricting_count, 3);
    assert_string_equal(b.restricting[2], SBX_SID_EVERYONE);
    for (size_t i = 0; i < b.default_count; i++) /* its own objects stay its own */
        assert_string_not_equal(b.default_aces[i].sid, SBX_SID_EVERYONE);
    sids.allows_everyone = false;
    sids.is_sandbox_user = true;
    sids.user = SANDBOX;
    sbx_token_plan_make(&b, &sids);
    assert_int_equal(b.restricting_count, 3);
    assert_string_equal(b.restricting[2], SANDBOX);
    sids.logon = NULL; /* a service may have none */
    sbx_token_plan_make(&b, &sids);
    assert_int_equal(b.restricting_count, 2);
}

/* Objects that the target makes for itself must be open to itself, and to no other run. */
static void its_own_objects(void **state)
{
    oracle_token token = path_a(), other = path_a();
    sbx_token_sids sids = {.run = RUN, .logon = LOGON, .user = CALLER};
    sbx_token_plan made;
    oracle_object pipe = {.owner = CALLER};

    (void)state;
    sbx_token_plan_make(&made, &sids);
    for (size_t i = 0; i < made.default_count; i++)
        oracle_add(&pipe, made.default_aces[i]);
    assert_true(oracle_grants(&token, &pipe, &oracle_files, SBX_GENERIC_READ | SBX_GENERIC_WRITE));
    other.restricting[0] = OTHER_RUN;
    assert_false(oracle_grants(&other, &pipe, &oracle_files, SBX_GENERIC_WRITE));
}

/* Of a command, with the list that its token gives to what it makes. */
static void make_process_of_path_b(oracle_object *out, const char *group)
{
    sbx_token_sids sids = {.run = RUN,
                           .logon = LOGON,
                           .user = SANDBOX,
                           .is_sandbox_user = true,
                           .group = group,
                           .overseer = CALLER};
    sbx_token_plan made;

    *out = (oracle_object){.owner = SANDBOX};
    sbx_token_plan_make(&made, &sids);
    assert_true(made.default_count <= SBX_TOKEN_ACES_MAX);
    assert_string_equal(made.user, SANDBOX);
    for (size_t i = 0; i < made.default_count; i++)
        oracle_add(out, made.default_aces[i]);
}

/*
 * Path B: the caller's sbx.exe asks the target's processes who they are, and ends them; it is not the user whose
 * they are. Nobody else gets more by that, and the caller no way to change one.
 */
static void who_watches(void **state)
{
    enum { TERMINATE = 0x1, VM_READ = 0x10, VM_WRITE = 0x20, QUERY_LIMITED = 0x1000 };
    oracle_token watcher = {.sids = {{CALLER, true, false}, {USERS, true, false}}, .sid_count = 2};
    oracle_token stranger = {.sids = {{"S-1-5-21-7-7-7-7", true, false}, {USERS, true, false}},
                             .sid_count = 2};
    oracle_token target = path_b();
    oracle_object process;

    (void)state;
    make_process_of_path_b(&process, GROUP);
    assert_true(oracle_grants(&watcher, &process, &oracle_processes,
                              QUERY_LIMITED | VM_READ | TERMINATE | SBX_RIGHT_SYNCHRONIZE));
    assert_false(oracle_grants(&watcher, &process, &oracle_processes, VM_WRITE));
    assert_false(oracle_grants(&watcher, &process, &oracle_processes, SBX_RIGHT_WRITE_DAC));
    assert_false(oracle_grants(&stranger, &process, &oracle_processes, QUERY_LIMITED));
    assert_true(oracle_grants(&target, &process, &oracle_processes, SBX_PROCESS_ALL));
}

/* All runs are one user on path B, and each has that user among its restricting SIDs. */
static void the_other_runs(void **state)
{
    enum { CREATE_THREAD = 0x2, VM_OPERATION = 0x8, VM_WRITE = 0x20 };
    static const uint32_t harms[] = {CREATE_THREAD, VM_OPERATION, VM_WRITE, SBX_RIGHT_WRITE_DAC,
                                     SBX_RIGHT_WRITE_OWNER};
    oracle_token target = path_b(), other = path_b();
    oracle_object process;

    (void)state;
    make_process_of_path_b(&process, GROUP);
    other.restricting[0] = OTHER_RUN;
    for (size_t i = 0; i < SBX_COUNT_OF(harms); i++) {
        assert_true(oracle_grants(&target, &process, &oracle_processes, harms[i]));
        assert_false(oracle_grants(&other, &process, &oracle_processes, harms[i]));
    }
    make_process_of_path_b(&process, NULL); /* what the list would be without it */
    assert_true(oracle_grants(&other, &process, &oracle_processes, VM_WRITE));
}

/* sbx-runner.exe is the target's own user: it may neither be read nor changed nor ended by it. */
static void the_runner(void **state)
{
    static const uint32_t harms[] = {
        0x1, 0x2, 0x10, 0x20, 0x40, 0x800, SBX_RIGHT_WRITE_DAC, SBX_RIGHT_WRITE_OWNER};
    oracle_token target = path_b();
    oracle_object runner = {.owner = SANDBOX};
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count = sbx_guard_aces(aces, SANDBOX);

    (void)state;
    for (size_t i = 0; i < count; i++)
        oracle_add(&runner, aces[i]);
    for (int reading = 0; reading < 2; reading++) {
        target.reading = (oracle_reading)reading;
        for (size_t i = 0; i < SBX_COUNT_OF(harms); i++)
            assert_false(oracle_grants(&target, &runner, &oracle_processes, harms[i]));
    }
}

static void the_guards(void **state)
{
    enum {
        TERMINATE = 0x1,
        CREATE_THREAD = 0x2,
        VM_READ = 0x10,
        VM_WRITE = 0x20,
        DUP_HANDLE = 0x40,
        SUSPEND = 0x800
    };
    static const uint32_t harms[] = {
        TERMINATE,           CREATE_THREAD,        VM_READ, VM_WRITE, DUP_HANDLE, SUSPEND,
        SBX_RIGHT_WRITE_DAC, SBX_RIGHT_WRITE_OWNER};
    oracle_token token = path_a();
    oracle_object guard = {.owner = CALLER}, usual = {.owner = CALLER};
    sbx_ace aces[SBX_TOKEN_ACES_MAX];
    size_t count = sbx_guard_aces(aces, CALLER);

    (void)state;
    for (size_t i = 0; i < count; i++)
        oracle_add(&guard, aces[i]);
    oracle_add(&usual, (sbx_ace){SBX_ACE_ALLOW, SBX_PROCESS_ALL, 0, CALLER});
    oracle_add(&usual, (sbx_ace){SBX_ACE_ALLOW, SBX_PROCESS_ALL, 0, SBX_SID_SYSTEM});
    for (int reading = 0; reading < 2; reading++) {
        token.reading = (oracle_reading)reading;
        for (size_t i = 0; i < SBX_COUNT_OF(harms); i++)
            assert_false(oracle_grants(&token, &guard, &oracle_processes, harms[i]));
    }
    /* An ordinary process of the same user can be ended and read: that is what the list is for. */
    assert_true(oracle_grants(&token, &usual, &oracle_processes, TERMINATE | VM_READ));
}

/*
 * A filter of sbx-setup's holds whom its descriptor grants the one right that there is. The runner, whose token is not
 * restricted, tries the wall; the command's token, of the same user, must be held as well: whatever kind of right that is for
 * Windows, and whether or not the second half of the check is asked at all.
 */
static void the_filters(void **state)
{
    enum { MATCH = 0x1 };
    static const oracle_mapping mappings[] = {{.read = MATCH, .all = MATCH},
                                              {.write = MATCH, .all = MATCH},
                                              {.execute = MATCH, .all = MATCH}};
    oracle_token target = path_b(), runner = path_b(), other = path_a();
    oracle_object filter = {.owner = "S-1-5-19"};

    (void)state;
    oracle_add(&filter, (sbx_ace){SBX_ACE_ALLOW, MATCH, 0, SANDBOX});
    runner.restricting_count = 0;
    runner.is_write_restricted = false;
    for (size_t i = 0; i < SBX_COUNT_OF(mappings); i++)
        for (int half = 0; half < 2; half++) {
            target.is_write_restricted = half == 0;
            assert_true(oracle_grants(&runner, &filter, &mappings[i], MATCH));
            assert_true(oracle_grants(&target, &filter, &mappings[i], MATCH));
            assert_false(oracle_grants(&other, &filter, &mappings[i], MATCH));
        }
    /* Were the user not among the SIDs that restrict it, the filter would lose the command and still hold the runner. */
    for (size_t i = 0; i < target.restricting_count; i++)
        if (strcmp(target.restricting[i], SANDBOX) == 0)
            target.restricting[i] = RUN;
    target.is_write_restricted = false;
    assert_false(oracle_grants(&target, &filter, &mappings[1], MATCH));
}

static void too_little_room(void **state)
{
    sbx_plan plan = {.rules = rules, .rule_count = SBX_COUNT_OF(rules)};
    sbx_ace_sids sids = {RUN, NULL};
    sbx_ace_step few[3];

    (void)state;
    assert_int_equal(sbx_ace_plan(few, 3, &plan, &sids), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_path_a),
        cmocka_unit_test(on_path_b),
        cmocka_unit_test(with_everyone),
        cmocka_unit_test(the_null_device),
        cmocka_unit_test(without_the_walls),
        cmocka_unit_test(under_the_narrow_reading),
        cmocka_unit_test(what_was_made_stays_the_callers),
        cmocka_unit_test(the_token),
        cmocka_unit_test(its_own_objects),
        cmocka_unit_test(who_watches),
        cmocka_unit_test(the_runner),
        cmocka_unit_test(the_other_runs),
        cmocka_unit_test(the_guards),
        cmocka_unit_test(the_filters),
        cmocka_unit_test(too_little_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
