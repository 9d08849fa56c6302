/* audit/set_aside.h: what is damaged gets another name and a successor; everything else stays as it is. */
#include "tests/unit/store_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "audit/set_aside.h"

static sbx_error error;

static const char *fixture_wal(const fixture *self)
{
    static char path[320];

    snprintf(path, sizeof(path), "%s-wal", self->path);
    return path;
}

static char *read_file(const char *path, size_t *out_bytes)
{
    int fd = open(path, O_RDONLY);
    struct stat about;
    char *data;

    if (fd < 0)
        fail_msg("%s is not there", path);
    assert_int_equal(fstat(fd, &about), 0);
    data = malloc((size_t)about.st_size + 1);
    assert_non_null(data);
    assert_int_equal(read(fd, data, (size_t)about.st_size), about.st_size);
    close(fd);
    *out_bytes = (size_t)about.st_size;
    return data;
}

static void write_at(const char *path, off_t at, const void *data, size_t bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, bytes, at), (ssize_t)bytes);
    close(fd);
}

static void record_one(const fixture *self)
{
    sbx_store *store = fixture_open(self);
    fixture_run run;

    fixture_describe(&run);
    fixture_start(&run, store);
    fixture_end(&run, store, NULL);
    sbx_store_close(store);
}

/* A database with a run in it; all of it in the file, and a WAL beside it. */
static void make_database(const fixture *self)
{
    sqlite3 *db = NULL;

    record_one(self);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close(db);
    record_one(self);
}

static void zero_schema(const fixture *self)
{
    static const char zeros[4096 - 100];

    write_at(self->path, 100, zeros, sizeof(zeros));
    assert_int_equal(truncate(fixture_wal(self), 0), 0); /* it has the page as it was */
}

static void cut_off(const fixture *self)
{
    assert_int_equal(truncate(fixture_wal(self), 0), 0);
    assert_int_equal(truncate(self->path, 8192), 0);
}

/* Every page but the first: an open finds nothing wrong, the first row does. */
static void scribble_rows(const fixture *self)
{
    static const char noise[4096] = {1, 2, 3, 4, 5, 6, 7};
    struct stat about;

    assert_int_equal(truncate(fixture_wal(self), 0), 0);
    assert_int_equal(stat(self->path, &about), 0);
    for (off_t at = 5 * 4096; at + 4096 <= about.st_size; at += 4096)
        write_at(self->path, at, noise, sizeof(noise));
}

static size_t count_set_aside(const fixture *self)
{
    DIR *opened = opendir(self->directory);
    struct dirent *each;
    size_t count = 0;

    while ((each = readdir(opened)) != NULL)
        if (strstr(each->d_name, ".corrupt-") != NULL &&
            strcmp(each->d_name + strlen(each->d_name) - 4, "-wal") != 0 &&
            strcmp(each->d_name + strlen(each->d_name) - 4, "-shm") != 0)
            count++;
    closedir(opened);
    return count;
}

static void expect_same_bytes(const char *path, const char *data, size_t bytes)
{
    size_t now_bytes;
    char *now = read_file(path, &now_bytes);

    assert_int_equal(now_bytes, bytes);
    assert_memory_equal(now, data, bytes);
    free(now);
}

/* The new one holds, records, and says what came before it. */
static void expect_successor(const fixture *self, const char *name)
{
    record_one(self);
    fixture_expect(self, "SELECT count(*) FROM run", "1");
    fixture_expect(self, "SELECT kind FROM event WHERE seq = 1", "db.create");
    fixture_expect(self, "SELECT body->>'set_aside' FROM event WHERE seq = 1", name);
    assert_int_equal(fixture_verify(self), 3);
}

static void every_damage(void **state)
{
    static void (*const damages[])(const fixture *) = {zero_schema, cut_off, scribble_rows};
    fixture *self = *state;

    for (size_t i = 0; i < SBX_COUNT_OF(damages); i++) {
        char *name = NULL, *file, *wal, path[400];
        size_t file_bytes, wal_bytes;

        make_database(self);
        damages[i](self);
        file = read_file(self->path, &file_bytes);
        wal = read_file(fixture_wal(self), &wal_bytes);
        if (sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error) != SBX_OK)
            fail_msg("%zu: %s", i, error.message);
        if (name == NULL)
            fail_msg("%zu: it is taken for sound", i);
        assert_true(strncmp(name, self->path, strlen(self->path)) == 0);
        assert_true(strncmp(name + strlen(self->path), ".corrupt-20", 11) == 0);
        expect_same_bytes(name, file, file_bytes);
        snprintf(path, sizeof(path), "%s-wal", name);
        expect_same_bytes(path, wal, wal_bytes);
        expect_successor(self, name);
        assert_int_equal(count_set_aside(self), i + 1); /* the earlier ones are there still */
        free(file);
        free(wal);
        free(name);
        unlink(self->path);
        unlink(fixture_wal(self));
    }
}

static void what_is_sound_stays(void **state)
{
    fixture *self = *state;
    char *name = NULL;

    make_database(self);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_OK);
    assert_null(name);
    assert_int_equal(count_set_aside(self), 0);
    fixture_expect(self, "SELECT count(*) FROM run", "2");
}

/* Somebody's file, another program's database, one of a newer sbx. */
static void what_is_not_ours_stays(void **state)
{
    fixture *self = *state;
    char *name = NULL, *data;
    size_t bytes;
    sqlite3 *db = NULL;

    write_at(self->path, 0, "notes", 5);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_CORRUPT);
    assert_non_null(strstr(error.message, "is no audit database of sbx"));
    data = read_file(self->path, &bytes);
    assert_int_equal(bytes, 5);
    free(data);
    unlink(self->path);

    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_CORRUPT);
    fixture_expect(self, "SELECT name FROM sqlite_schema", "mine");
    unlink(self->path);

    make_database(self);
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 1000", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_REFUSED);
    assert_null(name);
    assert_int_equal(count_set_aside(self), 0);
}

/* In sbx's own folder what has lost even its mark was sbx's; another program's database is not, even there. */
static void in_the_state_folder(void **state)
{
    fixture *self = *state;
    char folder[300], *name = NULL;
    sqlite3 *db = NULL;

    snprintf(folder, sizeof(folder), "%s/sbx", self->directory);
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(setenv("XDG_STATE_HOME", self->directory, 1), 0);
    snprintf(self->path, sizeof(self->path), "%s/sbx/audit.db", self->directory);
    write_at(self->path, 0, "", 0);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_OK);
    assert_non_null(name);
    expect_successor(self, name);
    free(name);
    unlink(self->path);
    unlink(fixture_wal(self));
    assert_int_equal(sqlite3_open(self->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE mine(x)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_CORRUPT);
    fixture_expect(self, "SELECT name FROM sqlite_schema", "mine");
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
}

/* A child that opens it while it is sound, says so, and holds it until it is told to end. */
static pid_t hold_open(const fixture *self, int *out_end)
{
    int ready[2], end[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(end), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const sbx_store_options options = {.busy_ns = SBX_NS_PER_S};
        sbx_store *store = NULL;

        close(end[1]);
        if (sbx_store_open(&store, self->path, &options, NULL) != SBX_OK)
            _exit(1);
        if (write(ready[1], "x", 1) != 1 || read(end[0], &byte, 1) < 0)
            _exit(2);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    close(end[0]);
    *out_end = end[1];
    return pid;
}

static void not_while_it_is_open(void **state)
{
    fixture *self = *state;
    char *name = NULL, *before, *after;
    size_t bytes, after_bytes;
    int end, status;
    pid_t pid;

    make_database(self);
    pid = hold_open(self, &end);
    zero_schema(self);
    before = read_file(self->path, &bytes);
    assert_int_equal(sbx_store_set_aside(&name, self->path, 100 * SBX_NS_PER_MS, &error),
                     SBX_CORRUPT);
    assert_non_null(strstr(error.message, "other processes have it open"));
    assert_int_equal(count_set_aside(self), 0);
    after = read_file(self->path, &after_bytes);
    assert_int_equal(after_bytes, bytes);
    assert_memory_equal(after, before, bytes);
    free(before);
    free(after);
    close(end);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(sbx_store_set_aside(&name, self->path, SBX_NS_PER_S, &error), SBX_OK);
    assert_non_null(name);
    expect_successor(self, name);
    free(name);
}

/* SQLite's exclusive lock, taken by hand as its file format documents it. */
static void lock_file(int fd, short type)
{
    struct flock all = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0x40000000, .l_len = 512};

    assert_int_equal(fcntl(fd, F_SETLK, &all), 0);
}

/* Somebody has opened the file, and comes to its first look when it has another name: what is recorded then goes
 * into the new file, and nothing into the old one. */
static void who_was_about_to_open_it(void **state)
{
    fixture *self = *state;
    char name[320], *before;
    size_t bytes;
    int fd, status;
    pid_t pid;

    make_database(self);
    before = read_file(self->path, &bytes);
    fd = open(self->path, O_RDWR);
    lock_file(fd, F_WRLCK);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        record_one(self);
        _exit(0);
    }
    usleep(300000); /* it waits for the lock, the file open */
    snprintf(name, sizeof(name), "%s.corrupt-x", self->path);
    assert_int_equal(rename(self->path, name), 0);
    unlink(fixture_wal(self));
    record_one(self); /* makes a new one */
    lock_file(fd, F_UNLCK);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok'", "2");
    assert_int_equal(fixture_verify(self), 5);
    expect_same_bytes(name, before, bytes);
    free(before);
    close(fd);
}

static void one_of_many(const fixture *self)
{
    const sbx_store_options options = {.busy_ns = 60 * SBX_NS_PER_S};
    sbx_error err = {0};

    for (int tries = 0; tries < 3; tries++) {
        sbx_store *store = NULL;
        fixture_run run;
        char *name = NULL;
        sbx_status st = sbx_store_open(&store, self->path, &options, &err);

        fixture_describe(&run);
        if (st == SBX_OK)
            st = sbx_store_run_start(&run.row, store, &run.start, &err);
        if (st == SBX_OK)
            st = sbx_store_run_end(store, run.row, &run.end, NULL, &err);
        sbx_store_close(store);
        if (st == SBX_OK)
            return;
        if (!sbx_store_is_damage(&err) ||
            sbx_store_set_aside(&name, self->path, 60 * SBX_NS_PER_S, &err) != SBX_OK)
            break;
        free(name);
    }
    fprintf(stderr, "%s: %s\n", sbx_status_word(err.status), err.message);
    _exit(1);
}

/* Of many that find the damage at once, one sets it aside, and every run is in the new one. */
static void many_at_once(void **state)
{
    enum { CHILDREN = 24 };
    static void (*const damages[])(const fixture *) = {zero_schema, scribble_rows};
    fixture *self = *state;

    for (size_t round = 0; round < 6; round++) {
        pid_t pids[CHILDREN];
        char wanted[16];
        int ends[2], status;

        make_database(self);
        damages[round % SBX_COUNT_OF(damages)](self);
        assert_int_equal(pipe(ends), 0);
        for (int i = 0; i < CHILDREN; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);
            if (pids[i] == 0) {
                char byte;

                close(ends[1]);
                if (read(ends[0], &byte, 1) == 0)
                    one_of_many(self);
                _exit(0);
            }
        }
        close(ends[1]);
        close(ends[0]);
        for (int i = 0; i < CHILDREN; i++) {
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        snprintf(wanted, sizeof(wanted), "%d", CHILDREN);
        fixture_expect(self, "SELECT count(*) FROM run WHERE status = 'ok'", wanted);
        assert_int_equal(fixture_verify(self), 1 + 2 * CHILDREN);
        assert_int_equal(count_set_aside(self), round + 1);
        unlink(self->path);
        unlink(fixture_wal(self));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_damage),        TEST(what_is_sound_stays),  TEST(what_is_not_ours_stays),
        TEST(in_the_state_folder), TEST(not_while_it_is_open), TEST(who_was_about_to_open_it),
        TEST(many_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
