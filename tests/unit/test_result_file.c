/* The file of --result: whole or not there, and only where it was meant to be. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/cli/result_file.h"
#include "tests/support/test.h"

typedef struct place {
    char root[64];
    char path[128];
} place;

static const char *in_root(place *self, const char *name)
{
    assert_true(snprintf(self->path, sizeof(self->path), "%s/%s", self->root, name) <
                (int)sizeof(self->path));
    return self->path;
}

static int set_up(void **state)
{
    place *self = calloc(1, sizeof(*self));
    const char *base = getenv("TMPDIR");

    assert_non_null(self);
    assert_true(snprintf(self->root, sizeof(self->root), "%s/sbx-result-XXXXXX",
                         base == NULL || strlen(base) > 30 ? "/tmp" : base) <
                (int)sizeof(self->root));
    *state = self;
    return mkdtemp(self->root) == NULL;
}

static unsigned count_entries(const place *self, bool removes)
{
    DIR *directory = opendir(self->root);
    unsigned count = 0;

    assert_non_null(directory);
    for (struct dirent *entry = readdir(directory); entry != NULL; entry = readdir(directory)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            count++;
            if (removes && unlinkat(dirfd(directory), entry->d_name, 0) != 0) {
                (void)unlinkat(dirfd(directory), entry->d_name, AT_REMOVEDIR);
            }
        }
    }
    (void)closedir(directory);
    return count;
}

static int tear_down(void **state)
{
    place *self = *state;

    (void)chmod(self->root, 0700);
    (void)count_entries(self, true);
    (void)rmdir(self->root);
    free(self);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void expect_content(const char *path, const char *text)
{
    char content[256] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    (void)!fread(content, 1, sizeof(content) - 1, file);
    (void)fclose(file);
    assert_string_equal(content, text);
}

static sbx_status write_result(const char *path, const char *text, sbx_error *err)
{
    sbx_result_file file;
    sbx_text content = {0};
    sbx_status status;

    sbx_result_file_init(&file);
    sbx_text_add(&content, text);
    status = sbx_result_file_open(&file, path, err);
    if (status == SBX_OK) {
        status = sbx_result_file_write(&file, &content, err);
    }
    sbx_result_file_done(&file);
    sbx_text_done(&content);
    return status;
}

static void test_write(void **state)
{
    place *self = *state;
    const char *path = in_root(self, "result.json");

    assert_int_equal(write_result(path, "{}\n", NULL), SBX_OK);
    expect_content(path, "{}\n");
    assert_int_equal(write_result(path, "{\"version\":1}\n", NULL), SBX_OK);
    expect_content(path, "{\"version\":1}\n");
    assert_int_equal(count_entries(self, false), 1);
}

static void test_relative(void **state)
{
    place *self = *state;
    int before = open(".", O_PATH | O_DIRECTORY);

    assert_int_equal(chdir(self->root), 0);
    assert_int_equal(write_result("r.json", "1", NULL), SBX_OK);
    assert_int_equal(fchdir(before), 0);
    (void)close(before);
    expect_content(in_root(self, "r.json"), "1");
}

static void expect_refused(const char *path, const char *why)
{
    sbx_error err = {0};

    assert_int_equal(write_result(path, "x", &err), SBX_INVALID);
    assert_int_equal(err.step, SBX_STEP_RESULT);
    if (strstr(err.message, why) == NULL) {
        fail_msg("\"%s\" does not hold \"%s\"", err.message, why);
    }
}

static void test_refused(void **state)
{
    place *self = *state;
    struct stat about;

    expect_refused("-", "stdout belongs to the command");
    expect_refused("", "not the name of a file");
    expect_refused(in_root(self, ""), "not the name of a file");
    expect_refused(in_root(self, ".."), "not the name of a file");
    expect_refused(in_root(self, "none/r.json"), "cannot be opened: No such file");
    expect_refused("/dev/null", "not a regular file");
    assert_int_equal(stat("/dev/null", &about), 0);
    assert_true(S_ISCHR(about.st_mode));
    assert_int_equal(mkdir(in_root(self, "dir"), 0700), 0);
    expect_refused(in_root(self, "dir"), "not a regular file");
    write_file(in_root(self, "file"), "before");
    expect_refused(in_root(self, "file/r.json"), "cannot be opened: Not a directory");
    assert_int_equal(symlink("file", in_root(self, "link")), 0);
    expect_refused(in_root(self, "link"), "not a regular file");
    expect_content(in_root(self, "file"), "before");
}

static void test_directory_without_rights(void **state)
{
    place *self = *state;

    if (geteuid() == 0) {
        skip(); /* root may write everywhere */
    }
    assert_int_equal(chmod(self->root, 0500), 0);
    expect_refused(in_root(self, "r.json"), "cannot be written to: Permission denied");
}

/* The directory is held: what is put in its place does not get the result. */
static void test_directory_is_held(void **state)
{
    place *self = *state;
    sbx_result_file file;
    sbx_text content = {0};
    char first[128], moved[128];

    assert_true(snprintf(first, sizeof(first), "%s/a", self->root) > 0);
    assert_true(snprintf(moved, sizeof(moved), "%s/b", self->root) > 0);
    assert_int_equal(mkdir(first, 0700), 0);
    sbx_result_file_init(&file);
    assert_int_equal(sbx_result_file_open(&file, in_root(self, "a/r.json"), NULL), SBX_OK);
    assert_int_equal(rename(first, moved), 0);
    assert_int_equal(symlink("/nonexistent", first), 0);
    sbx_text_add(&content, "held");
    assert_int_equal(sbx_result_file_write(&file, &content, NULL), SBX_OK);
    expect_content(in_root(self, "b/r.json"), "held");
    assert_int_equal(unlink(in_root(self, "b/r.json")), 0);
    sbx_result_file_done(&file);
    sbx_text_done(&content);
}

/* A link that turns up later is replaced, not followed; a directory cannot be, and nothing is left. */
static void test_planted_later(void **state)
{
    place *self = *state;
    sbx_result_file file;
    sbx_text content = {0};
    sbx_error err = {0};

    write_file(in_root(self, "victim"), "before");
    sbx_result_file_init(&file);
    assert_int_equal(sbx_result_file_open(&file, in_root(self, "r.json"), NULL), SBX_OK);
    assert_int_equal(symlink("victim", in_root(self, "r.json")), 0);
    sbx_text_add(&content, "new");
    assert_int_equal(sbx_result_file_write(&file, &content, NULL), SBX_OK);
    expect_content(in_root(self, "victim"), "before");
    expect_content(in_root(self, "r.json"), "new");
    assert_int_equal(unlink(in_root(self, "r.json")), 0);
    assert_int_equal(mkdir(in_root(self, "r.json"), 0700), 0);
    assert_int_equal(sbx_result_file_write(&file, &content, &err), SBX_IO);
    assert_non_null(strstr(err.message, "cannot replace"));
    assert_int_equal(count_entries(self, false), 2);
    sbx_result_file_done(&file);
    sbx_text_done(&content);
}

static void test_is(void **state)
{
    place *self = *state;
    sbx_result_file file;
    char other[128];

    assert_true(snprintf(other, sizeof(other), "%s/hard", self->root) > 0);
    write_file(in_root(self, "db"), "x");
    assert_int_equal(link(self->path, other), 0);
    sbx_result_file_init(&file);
    assert_false(sbx_result_file_is(&file, other));
    assert_int_equal(sbx_result_file_open(&file, in_root(self, "db"), NULL), SBX_OK);
    assert_true(sbx_result_file_is(&file, other));
    assert_false(sbx_result_file_is(&file, "/dev/null"));
    assert_false(sbx_result_file_is(&file, in_root(self, "nothing")));
    sbx_result_file_done(&file);
    sbx_result_file_done(&file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_write),
        TEST(test_relative),
        TEST(test_refused),
        TEST(test_directory_without_rights),
        TEST(test_directory_is_held),
        TEST(test_planted_later),
        TEST(test_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
