/* The host's System V and POSIX IPC, made by this test for everybody to use: not there inside, and not changed. */
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/probe/probe.h"
#include "tests/support/escape.h"
#include "tests/support/test.h"

static const char *key_text(key_t *out_key)
{
    *out_key = (key_t)(0x5c000000 + getpid());
    return sbx_test_text("%d", (int)*out_key);
}

static void attempt(const sbx_test_place *place, const char *const *words)
{
    const char *const *const options[] = {NULL, SBX_LIST("--identity", "self"),
                                          SBX_LIST("--net", "full", "--no-watch")};

    for (size_t i = 0; i < 3; i++) {
        sbx_test_escape escape = {
            .attempt = words, .options = options[i], .flags = SBX_ESCAPE_HIDDEN};

        sbx_test_try_escape(place, &escape);
    }
}

static void test_message_queues(void **state)
{
    struct msqid_ds about;
    key_t key;
    const char *text = key_text(&key);
    int id = msgget(key, IPC_CREAT | IPC_EXCL | 0666);

    assert_true(id >= 0);
    attempt(*state, SBX_LIST("msg-send", text));
    assert_int_equal(msgctl(id, IPC_STAT, &about), 0);
    assert_int_equal(about.msg_qnum, 3); /* the controls' */
    assert_int_equal(msgctl(id, IPC_RMID, NULL), 0);
}

static void test_semaphores(void **state)
{
    key_t key;
    const char *text = key_text(&key);
    int id = semget(key, 1, IPC_CREAT | IPC_EXCL | 0666);

    assert_true(id >= 0);
    attempt(*state, SBX_LIST("sem-raise", text));
    assert_int_equal(semctl(id, 0, GETVAL), 3);
    assert_int_equal(semctl(id, 0, IPC_RMID), 0);
}

static void test_segments(void **state)
{
    key_t key;
    const char *text = key_text(&key);
    int id = shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0666);

    assert_true(id >= 0);
    attempt(*state, SBX_LIST("shm-write", text));
    attempt(*state, SBX_LIST("shm-write-id", sbx_test_text("%d", id)));
    attempt(*state, SBX_LIST("shm-count"));
    assert_int_equal(shmctl(id, IPC_RMID, NULL), 0);
}

static void test_posix_queues(void **state)
{
    const sbx_test_place *place = *state;
    const char *name = sbx_test_text("/sbx-test-mq-%d", (int)getpid());
    struct mq_attr size = {.mq_maxmsg = 8, .mq_msgsize = 16}, about;
    mode_t mask = umask(0);
    mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0666, &size);

    umask(mask);
    assert_true(queue >= 0);
    attempt(place, SBX_LIST("mq-send", name));
    assert_int_equal(mq_getattr(queue, &about), 0);
    assert_int_equal(about.mq_curmsgs, 3);
    assert_int_not_equal(sbx_test_probe_inside(place, NULL, SBX_LIST("mq-unlink", name)),
                         SBX_PROBE_DID);
    mq_close(queue);
    assert_int_equal(mq_unlink(name), 0);
}

static void test_posix_memory(void **state)
{
    const sbx_test_place *place = *state;
    const char *name = sbx_test_text("/sbx-test-named-%d", (int)getpid());
    mode_t mask = umask(0);
    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0666, 0);
    int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0666), value = -1;
    struct stat about;

    umask(mask);
    assert_true(semaphore != SEM_FAILED && fd >= 0);
    attempt(place, SBX_LIST("sem-post", name));
    assert_int_equal(sem_getvalue(semaphore, &value), 0);
    assert_int_equal(value, 3);
    attempt(place, SBX_LIST("shm-open-write", name));
    assert_int_equal(fstat(fd, &about), 0);
    assert_int_equal(about.st_size, 1);
    sem_close(semaphore);
    close(fd);
    assert_int_equal(sem_unlink(name), 0);
    assert_int_equal(shm_unlink(name), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sbx_unit_test(sbx_test_ping),     sbx_unit_test(test_message_queues),
        sbx_unit_test(test_semaphores),   sbx_unit_test(test_segments),
        sbx_unit_test(test_posix_queues), sbx_unit_test(test_posix_memory),
    };

    return cmocka_run_group_tests_name("escape: ipc", tests, sbx_test_place_setup,
                                       sbx_test_place_teardown);
}
