/* The set of denials: what is one denial, what is counted, what is bounded. */
#include "tests/support/test.h"

#include "audit/denial.h"

static sbx_denial make(const char *target, const char *exe)
{
    return (sbx_denial){
        .kind = SBX_DENIAL_FILE,
        .op = "write",
        .target = target,
        .target_bytes = strlen(target),
        .pid = 7,
        .exe = exe,
        .error = 13,
        .rule = "no writable root",
        .source = SBX_SOURCE_SECCOMP,
        .confidence = SBX_CONFIDENCE_OBSERVED,
        .first_us = 100,
        .last_us = 100,
        .count = 1,
    };
}

static void words(void **state)
{
    (void)state;
    assert_string_equal(sbx_denial_class_word(SBX_DENIAL_SYSCALL), "syscall");
    assert_string_equal(sbx_denial_source_word(SBX_SOURCE_WFP), "wfp");
    assert_string_equal(sbx_denial_source_word(SBX_SOURCE_MASK), "mask");
    assert_string_equal(sbx_confidence_word(SBX_CONFIDENCE_INFERRED), "inferred");
    assert_string_equal(sbx_confidence_word((sbx_confidence)99), "unknown");
}

static void the_same_is_counted(void **state)
{
    sbx_denials *set = sbx_denials_create();
    sbx_denial denial = make("/etc/passwd", "/bin/sh");
    char target[] = "/etc/passwd";

    (void)state;
    assert_non_null(set);
    sbx_denials_add(set, &denial);
    denial.target = target; /* another copy of the same text, and another process */
    denial.pid = 8;
    denial.first_us = 50;
    denial.last_us = 300;
    denial.count = 2;
    sbx_denials_add(set, &denial);
    target[1] = 'X'; /* the set holds copies */

    assert_int_equal(sbx_denials_count(set), 1);
    assert_int_equal(sbx_denials_total(set), 3);
    assert_int_equal(sbx_denials_lost(set), 0);
    assert_string_equal(sbx_denials_get(set, 0)->target, "/etc/passwd");
    assert_string_equal(sbx_denials_get(set, 0)->exe, "/bin/sh");
    assert_int_equal(sbx_denials_get(set, 0)->count, 3);
    assert_int_equal(sbx_denials_get(set, 0)->pid, 7);
    assert_int_equal(sbx_denials_get(set, 0)->first_us, 50);
    assert_int_equal(sbx_denials_get(set, 0)->last_us, 300);
    assert_null(sbx_denials_get(set, 1));
    sbx_denials_free(set);
}

static void each_part_of_the_key_counts(void **state)
{
    sbx_denials *set = sbx_denials_create();
    sbx_denial denial = make("/a", "/bin/sh");

    (void)state;
    sbx_denials_add(set, &denial);
    denial.kind = SBX_DENIAL_NETWORK;
    sbx_denials_add(set, &denial);
    denial.op = "create";
    sbx_denials_add(set, &denial);
    denial.source = SBX_SOURCE_LANDLOCK;
    sbx_denials_add(set, &denial);
    denial.exe = NULL;
    sbx_denials_add(set, &denial);
    denial.exe = "";
    sbx_denials_add(set, &denial);
    denial.target_bytes = 1;
    sbx_denials_add(set, &denial);
    denial.target = "a\0b";
    denial.target_bytes = 3;
    sbx_denials_add(set, &denial);
    denial.target = "a\0c";
    sbx_denials_add(set, &denial);
    assert_int_equal(sbx_denials_count(set), 9);
    assert_string_equal(sbx_denials_get(set, 6)->target, "/");
    assert_memory_equal(sbx_denials_get(set, 8)->target, "a\0c", 4);
    sbx_denials_free(set);
}

static void more_than_the_cap(void **state)
{
    sbx_denials *set = sbx_denials_create();
    char target[32];

    (void)state;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < SBX_DENIALS_MAX + 1; i++) {
            sbx_denial denial;

            snprintf(target, sizeof(target), "/path/%d", i);
            denial = make(target, NULL);
            sbx_denials_add(set, &denial);
        }
    assert_int_equal(sbx_denials_count(set), SBX_DENIALS_MAX);
    assert_int_equal(sbx_denials_lost(set),
                     2); /* the one over the cap, twice; the known ones still count */
    assert_int_equal(sbx_denials_total(set), 2 * (SBX_DENIALS_MAX + 1));
    for (int i = 0; i < SBX_DENIALS_MAX; i++) {
        snprintf(target, sizeof(target), "/path/%d", i);
        assert_string_equal(sbx_denials_get(set, (size_t)i)->target, target);
        assert_int_equal(sbx_denials_get(set, (size_t)i)->count, 2);
    }
    sbx_denials_free(set);
}

static void long_texts_are_bounded(void **state)
{
    sbx_denials *set = sbx_denials_create();
    static char target[1 << 20];
    size_t kept;

    (void)state;
    memset(target, 'x', sizeof(target));
    for (unsigned i = 0; i < 40; i++) {
        sbx_denial denial = make("", NULL);

        target[0] = (char)i;
        denial.target = target;
        denial.target_bytes = sizeof(target);
        sbx_denials_add(set, &denial);
    }
    kept = sbx_denials_count(set);
    assert_true(kept > 0 && kept * sizeof(target) <= SBX_DENIALS_TEXT_BYTES_MAX);
    assert_int_equal(sbx_denials_lost(set), 40 - kept);
    sbx_denials_free(set);
}

typedef struct visits {
    size_t count, fresh, last_index;
    uint64_t last_count;
} visits;

static void visit(void *context, size_t index, const sbx_denial *denial, bool is_new)
{
    visits *seen = context;

    seen->count++;
    seen->fresh += is_new;
    seen->last_index = index;
    seen->last_count = denial->count;
}

static visits take(sbx_denials *set)
{
    visits seen = {0};

    sbx_denials_take_changes(set, visit, &seen);
    return seen;
}

static void changes_are_taken_once(void **state)
{
    sbx_denials *set = sbx_denials_create();
    sbx_denial a = make("/a", NULL), b = make("/b", NULL), c = make("/c", NULL);
    visits seen;

    (void)state;
    sbx_denials_add(set, &a);
    sbx_denials_add(set, &b);
    seen = take(set);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.fresh, 2);
    assert_int_equal(take(set).count, 0);

    sbx_denials_add(set, &b); /* an old one grows */
    seen = take(set);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.fresh, 0);
    assert_int_equal(seen.last_index, 1);
    assert_int_equal(seen.last_count, 2);

    sbx_denials_add(set, &c);
    sbx_denials_add(set, &a);
    seen = take(set);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.fresh, 1);

    sbx_denials_retake(set);
    seen = take(set);
    assert_int_equal(seen.count, 3);
    assert_int_equal(seen.fresh, 3);
    assert_int_equal(take(set).count, 0);
    sbx_denials_free(set);
}

static void nothing_is_fine(void **state)
{
    sbx_denials *set = sbx_denials_create();

    (void)state;
    assert_int_equal(take(set).count, 0);
    assert_int_equal(sbx_denials_total(set), 0);
    assert_null(sbx_denials_get(set, 0));
    sbx_denials_free(set);
    sbx_denials_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(the_same_is_counted),
        cmocka_unit_test(each_part_of_the_key_counts),
        cmocka_unit_test(more_than_the_cap),
        cmocka_unit_test(long_texts_are_bounded),
        cmocka_unit_test(changes_are_taken_once),
        cmocka_unit_test(nothing_is_fine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
