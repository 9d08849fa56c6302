/* Verbs about System V and POSIX IPC that is there already: by key and by name, to be changed. */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <unistd.h>

#include "tests/probe/probe.h"

static key_t key_of(char **arguments)
{
    return (key_t)sbx_probe_number(arguments[0]);
}

static int send_message(char **arguments)
{
    struct {
        long kind;
        char text[1];
    } message = {1, {'x'}};
    int id = msgget(key_of(arguments), 0);

    if (id < 0)
        return errno;
    return msgsnd(id, &message, sizeof(message.text), IPC_NOWAIT) == 0 ? 0 : errno;
}

static int raise_semaphore(char **arguments)
{
    struct sembuf up = {.sem_op = 1, .sem_flg = IPC_NOWAIT};
    int id = semget(key_of(arguments), 0, 0);

    if (id < 0)
        return errno;
    return semop(id, &up, 1) == 0 ? 0 : errno;
}

static int write_segment(char **arguments)
{
    int id = shmget(key_of(arguments), 0, 0);
    char *memory;

    if (id < 0)
        return errno;
    memory = shmat(id, NULL, 0);
    if (memory == (char *)-1)
        return errno;
    *memory = 'x';
    shmdt(memory);
    return 0;
}

/* By number: keys need not be known to try them all. */
static int write_segment_by_id(char **arguments)
{
    char *memory = shmat((int)sbx_probe_number(arguments[0]), NULL, 0);

    if (memory == (char *)-1)
        return errno == EINVAL ? ENOENT : errno;
    *memory = 'x';
    shmdt(memory);
    return 0;
}

/* Is anything there at all? */
static int count_segments(char **arguments)
{
    struct shm_info info;

    (void)arguments;
    if (shmctl(0, SHM_INFO, (struct shmid_ds *)(void *)&info) < 0)
        return errno;
    printf("segments=%d\n", info.used_ids);
    return info.used_ids > 0 ? 0 : ENOENT;
}

static int send_to_queue(char **arguments)
{
    mqd_t queue = mq_open(arguments[0], O_WRONLY | O_NONBLOCK);
    int result;

    if (queue < 0)
        return errno;
    result = mq_send(queue, "x", 1, 0) == 0 ? 0 : errno;
    mq_close(queue);
    return result;
}

static int unlink_queue(char **arguments)
{
    return mq_unlink(arguments[0]) == 0 ? 0 : errno;
}

static int post_semaphore(char **arguments)
{
    sem_t *semaphore = sem_open(arguments[0], 0);
    int result;

    if (semaphore == SEM_FAILED)
        return errno;
    result = sem_post(semaphore) == 0 ? 0 : errno;
    sem_close(semaphore);
    return result;
}

static int write_shared(char **arguments)
{
    int fd = shm_open(arguments[0], O_RDWR, 0);
    int result;

    if (fd < 0)
        return errno;
    result = write(fd, "x", 1) == 1 ? 0 : errno;
    close(fd);
    return result;
}

const sbx_probe_verb sbx_probe_ipc_verbs[] = {
    {"msg-send", "KEY", sbx_probe_denied_usual, send_message},
    {"sem-raise", "KEY", sbx_probe_denied_usual, raise_semaphore},
    {"shm-write", "KEY", sbx_probe_denied_usual, write_segment},
    {"shm-write-id", "ID", sbx_probe_denied_usual, write_segment_by_id},
    {"shm-count", "", sbx_probe_denied_usual, count_segments},
    {"mq-send", "NAME", sbx_probe_denied_usual, send_to_queue},
    {"mq-unlink", "NAME", sbx_probe_denied_usual, unlink_queue},
    {"sem-post", "NAME", sbx_probe_denied_usual, post_semaphore},
    {"shm-open-write", "NAME", sbx_probe_denied_usual, write_shared},
    {.name = NULL},
};
