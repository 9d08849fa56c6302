/* What the files of harness/batch/linux share. Nobody else includes it. */
#ifndef SBX_BATCH_LINUX_PARTS_H
#define SBX_BATCH_LINUX_PARTS_H

#include <poll.h>
#include <signal.h>
#include <sys/types.h>

#include "harness/batch/pool.h"

/* What a worker process does from its fork to its end: takes orders from the socket until that ends. */
SBX_NORETURN void sbx_batch_work(int socket_fd, const sbx_batch_setup *setup);

/* --- the pool --- */

typedef struct sbx_pool_worker {
    pid_t pid;
    int fd;
    uint32_t task;     /* SBX_MANIFEST_NONE: idle */
    sbx_text received; /* the part of a report that is there */
} sbx_pool_worker;

struct sbx_pool {
    sbx_pool_worker *workers;
    uint32_t count;
    const sbx_batch_setup *setup;
    struct pollfd *wait; /* one for each worker, and one for signals */
    int signal_fd;       /* -1: signals are not taken */
    sigset_t signals_before;
};

/* Reads what is there. On REPORT out_text is the report's text, good until the next call for that worker; on NOTHING
 * not all of it is there yet. */
sbx_pool_news sbx_pool_receive(sbx_batch_report *out, const char **out_text,
                               sbx_pool_worker *worker);

#endif
