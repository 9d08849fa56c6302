/* See batch.h. */
#include "tests/support/windows/batch.h"

#include "tests/support/test.h"

#include "harness/base/windows/wide.h"
#include "harness/target/windows/os.h"
#include "tests/support/windows/program.h"

enum { WAIT_MS = 240000, WORDS_MAX = 40 };

void batch_place_make(batch_place *out, const char *name)
{
    const char *root = program_place(name);

    (void)snprintf(out->root, sizeof(out->root), "%s", root);
    (void)snprintf(out->work, sizeof(out->work), "%s/work", root);
    (void)snprintf(out->database, sizeof(out->database), "%s/audit.db", root);
    (void)snprintf(out->manifest, sizeof(out->manifest), "%s/manifest.jsonl", root);
    (void)snprintf(out->out, sizeof(out->out), "%s/out", root);
    assert_int_equal(sbx_target_os_real.make_directory(out->work, NULL, 0), 0);
}

/* --- the manifest --- */

static FILE *manifest;

static void put_line(json_t *object)
{
    char *text = json_dumps(object, JSON_COMPACT);

    assert_non_null(text);
    assert_true(fprintf(manifest, "%s\n", text) > 0);
    free(text);
    json_decref(object);
}

static json_t *parse(const char *text)
{
    json_error_t problem;
    json_t *object = json_loads(text, 0, &problem);

    if (object == NULL)
        fail_msg("%s: %s", text, problem.text);
    return object;
}

void batch_begin(const batch_place *place, const char *limits)
{
    json_t *policy =
        json_pack("{s:i, s:n, s:s, s:{s:[s]}, s:{s:[s]}}", "version", 1, "extends", "network",
                  "advisory", "filesystem", "write", place->work, "env", "keep", "*");
    json_t *defaults =
        json_pack("{s:o, s:o}", "policy", policy, "limits", parse(limits == NULL ? "{}" : limits));

    manifest = fopen(place->manifest, "wb");
    assert_non_null(manifest);
    put_line(json_pack("{s:i, s:s, s:o}", "sbx_batch", 1, "name", "test", "defaults", defaults));
}

void batch_add(const char *id, const char *const *words, const char *more)
{
    json_t *argv = json_pack("[s, s]", program_self(), "--probe"), *members;
    json_t *task = json_pack("{s:s, s:o}", "id", id, "argv", argv);

    for (; *words != NULL; words++)
        assert_int_equal(json_array_append_new(argv, json_string(*words)), 0);
    if (more != NULL) {
        members = parse(more);
        assert_int_equal(json_object_update(task, members), 0);
        json_decref(members);
    }
    put_line(task);
}

void batch_end(void)
{
    assert_int_equal(fclose(manifest), 0);
    manifest = NULL;
}

/* --- running --- */

void batch_command(const char **list, const batch_place *place, const char *const *options)
{
    size_t count = 0;

    list[count++] = program_sbx();
    list[count++] = "batch";
    list[count++] = "run";
    list[count++] = "--audit-db";
    list[count++] = place->database;
    list[count++] = "--out";
    list[count++] = place->out;
    if (program_is_wine())
        list[count++] = "--allow-degraded";
    for (; *options != NULL && count + 2 < WORDS_MAX; options++)
        list[count++] = *options;
    list[count++] = place->manifest;
    list[count] = NULL;
}

json_t *batch_run(const batch_place *place, const char *const *options, DWORD code)
{
    const char *argv[WORDS_MAX], *with_json[WORDS_MAX] = {"--json", "-q"};
    program_run done = {0};
    json_t *summary;

    for (size_t i = 0; options[i] != NULL; i++)
        with_json[i + 2] = options[i];
    batch_command(argv, place, with_json);
    program_do_for(&done, argv, NULL, 0, WAIT_MS);
    if (done.code != code)
        fail_msg("exit %lu, not %lu: %s%s", done.code, code, done.out, done.err);
    summary = json_loads(done.out, 0, NULL);
    program_done(&done);
    return summary;
}

/* --- what came of it --- */

char *batch_read(const char *path, size_t *out_bytes)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                    NULL, OPEN_EXISTING, 0, NULL);
    LARGE_INTEGER size;
    DWORD got = 0;
    char *data;

    free(wide);
    if (file == INVALID_HANDLE_VALUE)
        return NULL;
    assert_true(GetFileSizeEx(file, &size));
    data = malloc((size_t)size.QuadPart + 1);
    assert_non_null(data);
    assert_true(ReadFile(file, data, (DWORD)size.QuadPart, &got, NULL));
    assert_int_equal(got, size.QuadPart);
    CloseHandle(file);
    data[got] = '\0';
    if (out_bytes != NULL)
        *out_bytes = got;
    return data;
}

json_t *batch_results(const batch_place *place, unsigned *out_twice)
{
    char path[700], *text, *line, *next;
    json_t *found = json_object();

    (void)snprintf(path, sizeof(path), "%s/results.jsonl", place->out);
    text = batch_read(path, NULL);
    assert_non_null(text);
    *out_twice = 0;
    for (line = text; *line != '\0'; line = next) {
        json_t *object;
        const char *id;

        next = strchr(line, '\n');
        assert_non_null(next); /* no line is torn */
        *next++ = '\0';
        object = json_loads(line, 0, NULL);
        if (object == NULL)
            fail_msg("no JSON: %s", line);
        id = json_string_value(json_object_get(object, "task"));
        if (id != NULL && json_is_true(json_object_get(object, "final"))) {
            *out_twice += json_object_get(found, id) != NULL;
            assert_int_equal(json_object_set(found, id, object), 0);
        }
        json_decref(object);
    }
    free(text);
    return found;
}

const char *batch_text(const json_t *results, const char *id, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(results, id), key));

    if (text == NULL)
        fail_msg("task %s has no %s", id, key);
    return text;
}

long long batch_number(const json_t *results, const char *id, const char *key)
{
    const json_t *value = json_object_get(json_object_get(results, id), key);

    if (!json_is_integer(value))
        fail_msg("task %s has no number %s", id, key);
    return (long long)json_integer_value(value);
}
