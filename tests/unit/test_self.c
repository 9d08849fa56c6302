/* Who we are for the kernel, asked once by each process, and what the text says that it answers with. */
#include <errno.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "harness/base/linux/self.h"
#include "tests/support/child.h"
#include "tests/support/refuse.h"

static int in_a_fork(void)
{
    sbx_self self = sbx_self_look();

    return self.pid == getpid() && self.start_ticks != 0 ? 0 : 1;
}

/* What the parent was told is not the child's. */
static void test_after_a_fork(void **state)
{
    sbx_self self = sbx_self_look(), again = sbx_self_look();
    struct stat about;

    (void)state;
    assert_int_equal(self.pid, getpid());
    assert_true(self.start_ticks > 0);
    assert_int_equal(stat("/proc/self/ns/pid", &about), 0);
    assert_int_equal(self.pid_namespace, about.st_ino);
    assert_int_equal(stat("/proc/self/ns/user", &about), 0);
    assert_int_equal(sbx_self_namespace("user"), about.st_ino);
    assert_int_equal(sbx_self_namespace("none"), 0);
    assert_int_equal(again.pid, self.pid);
    assert_int_equal(again.start_ticks, self.start_ticks);
    assert_int_equal(again.pid_namespace, self.pid_namespace);
    assert_int_equal(sbx_test_in_child(in_a_fork), 0);
}

/* Nothing is opened for the second answer; a fork has to ask, and is told that it cannot be seen. */
static int asks_once(void)
{
    sbx_self first = sbx_self_look(), again;
    pid_t child;
    int status;

    if (!sbx_test_refuse_call(SYS_openat, EACCES))
        return 1;
    again = sbx_self_look();
    if (again.pid != first.pid || again.start_ticks != first.start_ticks ||
        again.pid_namespace != first.pid_namespace)
        return 2;
    child = fork();
    if (child == 0)
        _exit(sbx_self_look().pid == 0 ? 0 : 1);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0 ? 0 : 3;
}

static void test_once(void **state)
{
    (void)state;
    assert_int_equal(sbx_test_in_child(asks_once), 0);
}

/* Whoever names himself like the rest of the text deceives nobody. */
static int under_a_false_name(void)
{
    uint64_t before = sbx_self_look().start_ticks;
    bool is_dead = true;
    char text[512];
    FILE *file;
    size_t bytes;

    if (prctl(PR_SET_NAME, "a) Z 1\n) 2 3 4") != 0)
        return 1;
    file = fopen("/proc/self/stat", "r");
    bytes = file == NULL ? 0 : fread(text, 1, sizeof(text) - 1, file);
    if (file != NULL)
        (void)fclose(file);
    text[bytes] = '\0';
    return sbx_self_parse_start(&is_dead, text) == before && !is_dead ? 0 : 2;
}

static void test_text(void **state)
{
    bool is_dead;

    (void)state;
    assert_int_equal(sbx_self_parse_start(&is_dead,
                                          "7 (x) S 1 5 6 7 8 9 10 11 12 13 14 15 16 17 18 "
                                          "19 20 21 4711 23"),
                     4711);
    assert_false(is_dead);
    assert_int_equal(sbx_self_parse_start(&is_dead, "7 (x) Z 1 5"), 0);
    assert_true(is_dead);
    assert_int_equal(sbx_self_parse_start(&is_dead, ""), 0);
    assert_false(is_dead);
    assert_int_equal(sbx_self_parse_start(&is_dead, "7 (x)"), 0);
    assert_int_equal(sbx_test_in_child(under_a_false_name), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_after_a_fork),
                                       cmocka_unit_test(test_once), cmocka_unit_test(test_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
