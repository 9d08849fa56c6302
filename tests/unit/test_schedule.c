/* The order of tasks, and that what runs at once never adds up to more than there is. */
#include "harness/batch/schedule.h"
#include "tests/support/test.h"

static const sbx_schedule_room roomy = {4, UINT64_C(1) << 40, 64000};

static void make(sbx_manifest *manifest, sbx_schedule **schedule, const char *text,
                 const sbx_schedule_room *room)
{
    const sbx_manifest_options options = {"m", "/", NULL, false};
    FILE *file = tmpfile();
    sbx_error err = {0};

    assert_non_null(file);
    (void)fputs(text, file);
    rewind(file);
    if (sbx_manifest_read(manifest, file, &options, &err) != SBX_OK)
        fail_msg("%s", err.message);
    (void)fclose(file);
    assert_int_equal(sbx_schedule_create(schedule, manifest, room, &err), SBX_OK);
}

static void unmake(sbx_manifest *manifest, sbx_schedule *schedule)
{
    sbx_schedule_free(schedule);
    sbx_manifest_done(manifest);
}

/* Fails unless exactly that task starts next; NULL: none does. */
static void expect_next(const sbx_manifest *manifest, sbx_schedule *schedule, const char *id)
{
    uint32_t task = 0;
    bool is_there = sbx_schedule_next(schedule, &task);

    if (id == NULL) {
        assert_false(is_there);
        return;
    }
    assert_true(is_there);
    assert_string_equal(sbx_manifest_id(manifest, task), id);
}

static void end(const sbx_manifest *manifest, sbx_schedule *schedule, const char *id,
                sbx_task_state state)
{
    sbx_schedule_end(schedule, sbx_manifest_find(manifest, id), state);
}

#define TASK(id, more) "{\"id\":\"" id "\",\"argv\":[\"x\"]" more "}\n"

static void longest_first_then_weight_then_order(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;

    (void)state;
    make(&manifest, &schedule, TASK("a", "") TASK("b", "") TASK("c", ",\"weight\":2") TASK("d", ""),
         &(sbx_schedule_room){5, UINT64_C(1) << 40, 1000});
    sbx_schedule_expect(schedule, 3, 5000000);
    sbx_schedule_begin(schedule);
    expect_next(&manifest, schedule, "d");
    expect_next(&manifest, schedule, "c");
    expect_next(&manifest, schedule, "a");
    expect_next(&manifest, schedule, "b");
    expect_next(&manifest, schedule, NULL);
    unmake(&manifest, schedule);
}

static void after_waits_and_skips(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;
    uint32_t task = 0, count = 0;

    (void)state;
    make(&manifest, &schedule,
         TASK("a", "") TASK("b", ",\"after\":[\"a\"]") TASK("c", ",\"after\":[\"a\",\"d\"]")
             TASK("d", "") TASK("e", ",\"after\":[\"c\"]") TASK("f", ",\"after\":[\"e\",\"c\"]"),
         &roomy);
    sbx_schedule_begin(schedule);
    expect_next(&manifest, schedule, "a");
    expect_next(&manifest, schedule, "d");
    expect_next(&manifest, schedule, NULL);
    end(&manifest, schedule, "a", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "b");
    expect_next(&manifest, schedule, NULL);
    end(&manifest, schedule, "d", SBX_TASK_READY); /* a retry is no end */
    expect_next(&manifest, schedule, "d");
    end(&manifest, schedule, "d", SBX_TASK_FAILED);
    expect_next(&manifest, schedule, NULL);
    for (; sbx_schedule_skipped(schedule, &task); count++)
        assert_int_equal(sbx_schedule_state(schedule, task), SBX_TASK_SKIPPED);
    assert_int_equal(count, 3); /* c, e, f: each once */
    unmake(&manifest, schedule);
}

static void room_is_never_exceeded(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;

    (void)state;
    make(&manifest, &schedule,
         TASK("big", ",\"limits\":{\"memory\":\"70M\"}")
             TASK("big2", ",\"limits\":{\"memory\":\"70M\"}")
                 TASK("small", ",\"limits\":{\"memory\":\"20M\"}") TASK("free", ""),
         &(sbx_schedule_room){4, 100 << 20, 2000});
    sbx_schedule_begin(schedule);
    expect_next(&manifest, schedule, "big");
    expect_next(&manifest, schedule, "small"); /* past big2, which does not fit */
    expect_next(&manifest, schedule, NULL);    /* free would take 25 of the 10 that are left */
    end(&manifest, schedule, "big", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "big2");
    end(&manifest, schedule, "small", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "free");
    unmake(&manifest, schedule);
    make(&manifest, &schedule,
         TASK("a", ",\"limits\":{\"cpus\":1.5}") TASK("b", ",\"limits\":{\"cpus\":1.5}")
             TASK("c", ",\"limits\":{\"cpus\":16,\"memory\":\"900G\"}"),
         &(sbx_schedule_room){4, 100 << 20, 2000});
    sbx_schedule_begin(schedule);
    expect_next(&manifest, schedule, "a");
    expect_next(&manifest, schedule, NULL);
    end(&manifest, schedule, "a", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "b");
    end(&manifest, schedule, "b", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "c"); /* more than the host has: alone, but it runs */
    unmake(&manifest, schedule);
}

/* Small ones go past a big one for a while, and then it has its turn. */
static void nobody_waits_for_ever(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;
    sbx_text text = {0};
    uint32_t task = 0, running[2], past = 0;

    (void)state;
    sbx_text_add(&text, TASK("first", ",\"limits\":{\"memory\":\"60M\"}"));
    sbx_text_add(&text, TASK("big", ",\"limits\":{\"memory\":\"90M\"}"));
    for (int i = 0; i < 500; i++)
        sbx_text_add_format(&text, TASK("s%d", ",\"limits\":{\"memory\":\"30M\"}"), i);
    make(&manifest, &schedule, sbx_text_string(&text), &(sbx_schedule_room){2, 100 << 20, 2000});
    sbx_schedule_begin(schedule);
    assert_true(sbx_schedule_next(schedule, &running[0]));
    for (; sbx_schedule_next(schedule, &running[1]) && past < 400; past++) {
        assert_int_not_equal(running[1], 1);
        sbx_schedule_end(schedule, running[1], SBX_TASK_PASSED);
    }
    assert_in_range(past, 1, 100);
    sbx_schedule_end(schedule, running[0], SBX_TASK_PASSED);
    assert_true(sbx_schedule_next(schedule, &task));
    assert_int_equal(task, 1);
    unmake(&manifest, schedule);
    sbx_text_done(&text);
}

static void groups_have_a_bound(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;

    (void)state;
    make(&manifest, &schedule,
         "{\"sbx_batch\":1,\"groups\":{\"two\":2}}\n" TASK("a", ",\"group\":\"g\"")
             TASK("b", ",\"group\":\"g\"") TASK("c", ",\"group\":\"two\"")
                 TASK("d", ",\"group\":\"two\"") TASK("e", ",\"group\":\"two\""),
         &(sbx_schedule_room){8, UINT64_C(1) << 40, 8000});
    sbx_schedule_begin(schedule);
    expect_next(&manifest, schedule, "a");
    expect_next(&manifest, schedule, "c");
    expect_next(&manifest, schedule, "d");
    expect_next(&manifest, schedule, NULL);
    end(&manifest, schedule, "c", SBX_TASK_FAILED);
    expect_next(&manifest, schedule, "e");
    end(&manifest, schedule, "a", SBX_TASK_PASSED);
    expect_next(&manifest, schedule, "b");
    unmake(&manifest, schedule);
}

static void what_is_settled_does_not_run(void **state)
{
    sbx_schedule *schedule;
    sbx_manifest manifest;
    uint32_t task = 0;

    (void)state;
    make(&manifest, &schedule,
         TASK("a", "") TASK("b", ",\"after\":[\"a\"]") TASK("c", "") TASK("d", ",\"after\":[\"c\"]")
             TASK("e", "") TASK("f", ",\"after\":[\"e\"]"),
         &roomy);
    sbx_schedule_settle(schedule, 0, SBX_TASK_PASSED);
    sbx_schedule_settle(schedule, 2, SBX_TASK_FAILED);
    sbx_schedule_settle(schedule, 4, SBX_TASK_LEFT_OUT);
    sbx_schedule_begin(schedule);
    assert_true(sbx_schedule_skipped(schedule, &task));
    assert_int_equal(task, 3);
    expect_next(&manifest, schedule, "b");
    expect_next(&manifest, schedule, "f");
    expect_next(&manifest, schedule, NULL);
    unmake(&manifest, schedule);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(longest_first_then_weight_then_order),
        cmocka_unit_test(after_waits_and_skips),
        cmocka_unit_test(room_is_never_exceeded),
        cmocka_unit_test(nobody_waits_for_ever),
        cmocka_unit_test(groups_have_a_bound),
        cmocka_unit_test(what_is_settled_does_not_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
