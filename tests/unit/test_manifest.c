/* Manifests (with paths of Linux): what is refused and in which words, how defaults and command line merge, what a
 * task's identity is. */
#include "harness/batch/manifest.h"
#include "tests/support/test.h"

static sbx_status read_text(sbx_manifest *out, const char *text, const char *overrides,
                            bool is_lines, sbx_error *err)
{
    const sbx_manifest_options options = {"m.jsonl", "/base", overrides, is_lines};
    FILE *file = tmpfile();
    sbx_status st;

    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    st = sbx_manifest_read(out, file, &options, err);
    (void)fclose(file);
    return st;
}

static void read_valid(sbx_manifest *out, const char *text)
{
    sbx_error err = {0};

    if (read_text(out, text, NULL, false, &err) != SBX_OK)
        fail_msg("%s", err.message);
}

static void bad_manifests_are_refused(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "m.jsonl: there is no task in it"},
        {"\n  \n", "there is no task"},
        {"{\"id\":\"a\",\"argv\":[\"x\"]}\n{\"id\":", "m.jsonl:2: "},
        {"[1]", "m.jsonl:1: task: must be an object"},
        {"{\"id\":\"a\"}", "m.jsonl:1: argv: is missing"},
        {"{\"argv\":[\"x\"]}", "m.jsonl:1: id: is missing"},
        {"{\"id\":\"\",\"argv\":[\"x\"]}", "id: must be a string of 1 to 255"},
        {"{\"id\":\"a\\nb\",\"argv\":[\"x\"]}", "id: must be a string"},
        {"{\"id\":\"a\",\"argv\":[]}", "argv: must be a list that begins with a command"},
        {"{\"id\":\"a\",\"argv\":[\"x\",1]}", "argv: must be a list of strings"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"mem\":1}", "m.jsonl:1: mem: unknown key"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"argv\":[\"y\"]}", "duplicate"},
        {"\n{\"id\":\"a\",\"argv\":[\"x\"]}\n\n{\"id\":\"a\",\"argv\":[\"x\"]}",
         "m.jsonl:4: id: is there twice: a"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"after\":[\"b\"]}",
         "m.jsonl:1: after: there is no task of "
         "that id: b"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"after\":[\"a\"]}", "after: goes round in a circle"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"after\":[\"c\"]}\n{\"id\":\"b\",\"argv\":[\"x\"],"
         "\"after\":"
         "[\"a\"]}\n{\"id\":\"c\",\"argv\":[\"x\"],\"after\":[\"b\"]}",
         "circle"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"limits\":{\"memory\":\"2Q\"}}", "m.jsonl:1:1: "
                                                                           "limits.memory"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"limits\":{\"mem\":\"2G\"}}", "limits.mem: unknown key"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"policy\":\"nope\"}",
         "m.jsonl:1: policy: there is no policy"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"weight\":0}", "weight: must be a whole number from 1"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"retries\":-1}", "retries: must be"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"labels\":{\"a=b\":\"c\"}}", "labels: must be"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"expect\":{\"exit\":256}}", "expect.exit: must be"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"expect\":{\"stdout\":{\"regex\":\"(a)\\\\1\"}}}",
         "expect.stdout.regex: has a back-reference"},
        {"{\"id\":\"a\",\"argv\":[\"x\"],\"expect\":{\"stdout\":{\"like\":\"\"}}}",
         "expect.stdout.like: unknown key"},
        {"{\"sbx_batch\":2}", "m.jsonl:1: sbx_batch: must be 1"},
        {"{\"sbx_batch\":1,\"jobs\":3}", "jobs: unknown key of a header"},
        {"{\"sbx_batch\":1,\"defaults\":{\"argv\":[\"x\"]}}", "argv: is a task's own"},
        {"{\"id\":\"a\",\"argv\":[\"x\"]}\n{\"sbx_batch\":1}", "m.jsonl:2: sbx_batch: unknown key"},
    };

    (void)state;
    for (size_t i = 0; i < SBX_COUNT_OF(cases); i++) {
        sbx_manifest manifest;
        sbx_error err = {0};

        assert_int_equal(read_text(&manifest, cases[i].text, NULL, false, &err), SBX_INVALID);
        if (strstr(err.message, cases[i].message) == NULL)
            fail_msg("\"%s\" does not hold \"%s\"", err.message, cases[i].message);
    }
}

static json_t *core_of(const sbx_manifest *manifest, uint32_t task)
{
    sbx_text spec = {0};
    sbx_error err;
    json_t *root;

    assert_int_equal(sbx_manifest_spec(&spec, manifest, task, &err), SBX_OK);
    root = json_loadb(spec.data, spec.bytes, 0, NULL);
    assert_non_null(root);
    sbx_text_done(&spec);
    return root;
}

static const char *text_at(const json_t *root, const char *outer, const char *inner)
{
    const json_t *core = json_object_get(root, "core");

    return json_string_value(inner == NULL ? json_object_get(core, outer)
                                           : json_object_get(json_object_get(core, outer), inner));
}

static void what_is_said_last_counts(void **state)
{
    static const char text[] =
        "{\"sbx_batch\":1,\"name\":\"n\",\"groups\":{\"g\":3},\"defaults\":{\"policy\":\"grader\","
        "\"retries\":4,\"weight\":2,\"limits\":{\"wall\":\"1s\",\"memory\":\"8M\",\"cpu\":\"1s\"}}}"
        "\n"
        "{\"id\":\"a\",\"argv\":[\"x\"],\"cwd\":\"sub/../"
        "d\",\"limits\":{\"cpu\":\"3s\"},\"group\":\"g\"}\n"
        "{\"id\":\"b\",\"argv\":[\"x\"],\"group\":\"h\",\"retries\":0}\n";
    sbx_manifest manifest;
    sbx_error err = {0};
    json_t *root;

    (void)state;
    assert_int_equal(read_text(&manifest, text,
                               "{\"limits\":{\"memory\":\"16M\"},\"policy\":\"workspace\"}", false,
                               &err),
                     SBX_OK);
    assert_int_equal(manifest.count, 2);
    assert_int_equal(manifest.tasks[0].memory_bytes, 16 << 20);
    assert_int_equal(manifest.tasks[0].retries, 4);
    assert_int_equal(manifest.tasks[0].weight, 2);
    assert_int_equal(manifest.tasks[1].retries, 0);
    assert_int_equal(manifest.group_most[manifest.tasks[0].group], 3);
    assert_int_equal(manifest.group_most[manifest.tasks[1].group], 1);
    root = core_of(&manifest, 0);
    assert_string_equal(text_at(root, "policy", NULL), "workspace");
    assert_string_equal(text_at(root, "limits", "memory"), "16M");
    assert_string_equal(text_at(root, "limits", "wall"), "1s");
    assert_string_equal(text_at(root, "limits", "cpu"), "3s");
    assert_string_equal(text_at(root, "cwd", NULL), "/base/d");
    json_decref(root);
    root = core_of(&manifest, 1); /* the first task changed nothing of the defaults */
    assert_string_equal(text_at(root, "limits", "cpu"), "1s");
    json_decref(root);
    sbx_manifest_done(&manifest);
}

/* What decides about the result is in the hash, and nothing else. */
static void identity(void **state)
{
    static const char *const same[] = {
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"labels\":{\"k\":\"v\"}}",
        "{\"argv\":[\"x\",\"1\"],\"id\":\"a\",\"weight\":3,\"retries\":2,\"group\":\"g\"}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"cwd\":\"/base\"}",
    };
    static const char *const others[] = {
        "{\"id\":\"a\",\"argv\":[\"x\",\"2\"]}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"policy\":\"grader\"}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"env\":{\"A\":\"1\"}}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"env\":{\"A\":\"2\"}}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"stdin\":\"f\"}",
        "{\"id\":\"a\",\"argv\":[\"x\",\"1\"],\"expect\":{\"exit\":1}}",
    };
    sbx_manifest first, other;

    (void)state;
    read_valid(&first, same[0]);
    for (size_t i = 1; i < SBX_COUNT_OF(same); i++) {
        read_valid(&other, same[i]);
        assert_memory_equal(first.tasks[0].hash, other.tasks[0].hash, 32);
        sbx_manifest_done(&other);
    }
    for (size_t i = 0; i < SBX_COUNT_OF(others); i++) {
        read_valid(&other, others[i]);
        assert_memory_not_equal(first.tasks[0].hash, other.tasks[0].hash, 32);
        sbx_manifest_done(&other);
    }
    sbx_manifest_done(&first);
}

static void lines_are_commands(void **state)
{
    sbx_manifest manifest;
    sbx_error err = {0};
    json_t *root;

    (void)state;
    assert_int_equal(read_text(&manifest, "# no\n\necho \"a b\" | wc\n  true\n", NULL, true, &err),
                     SBX_OK);
    assert_int_equal(manifest.count, 2);
    assert_string_equal(sbx_manifest_id(&manifest, 0), "3");
    root = core_of(&manifest, 0);
    assert_string_equal(json_string_value(json_array_get(
                            json_object_get(json_object_get(root, "core"), "argv"), 2)),
                        "echo \"a b\" | wc");
    json_decref(root);
    assert_int_equal(sbx_manifest_find(&manifest, "4"), 1);
    assert_int_equal(sbx_manifest_find(&manifest, "5"), SBX_MANIFEST_NONE);
    sbx_manifest_done(&manifest);
}

static void many_tasks_are_found_again(void **state)
{
    enum { COUNT = 20000 };
    sbx_text text = {0};
    sbx_manifest manifest;
    char id[16];

    (void)state;
    for (int i = 0; i < COUNT; i++)
        sbx_text_add_format(&text, "{\"id\":\"t%d\",\"argv\":[\"x\",\"%d\"]%s}\n", i, i,
                            i > 0 ? ",\"after\":[\"t0\"]" : "");
    read_valid(&manifest, sbx_text_string(&text));
    assert_int_equal(manifest.count, COUNT);
    assert_int_equal(manifest.tasks[0].dependent_count, COUNT - 1);
    for (uint32_t i = 0; i < COUNT; i += 997) {
        json_t *root = core_of(&manifest, i);

        (void)snprintf(id, sizeof(id), "t%u", i);
        assert_int_equal(sbx_manifest_find(&manifest, id), i);
        assert_string_equal(json_string_value(json_object_get(root, "id")), id);
        json_decref(root);
    }
    sbx_manifest_done(&manifest);
    sbx_text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_manifests_are_refused),
        cmocka_unit_test(what_is_said_last_counts),
        cmocka_unit_test(identity),
        cmocka_unit_test(lines_are_commands),
        cmocka_unit_test(many_tasks_are_found_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
