/* A worker; see worker.h. What is kept from run to run is here, the run itself is run.c's. */
#include "harness/runner/worker.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/runner/linux/parts.h"

struct sbx_worker {
    char *audit_path;
    sbx_worker_options options;
    sbx_store *store;
    sbx_launcher *launcher;
    int idmap_fd; /* of the owners below; -1: none so far */
    uid_t caller_uid, target_uid;
    gid_t caller_gid, target_gid;
};

static sbx_status open_store(sbx_worker *self, sbx_error *err)
{
    sbx_store_options options = {.stays_open = true,
                                 .busy_ns = self->options.audit_busy_ns,
                                 .cancel = sbx_signals_came(),
                                 .redaction = self->options.redaction,
                                 .release = sbx_record_release};

    if (self->options.audit_path == NULL)
        return SBX_OK;
    self->audit_path = strdup(self->options.audit_path);
    if (self->audit_path == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_AUDIT, "no memory for a worker");
    return sbx_store_open(&self->store, self->audit_path, &options, err);
}

sbx_status sbx_worker_create(sbx_worker **out, const sbx_worker_options *options, sbx_error *err)
{
    sbx_worker *self = calloc(1, sizeof(*self));
    sbx_status st;

    *out = NULL;
    if (self == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_SPAWN, "no memory for a worker");
    self->options = *options;
    self->idmap_fd = -1;
    st = open_store(self, err);
    if (st != SBX_OK && !options->audit_required)
        st = SBX_OK; /* each run tries it, and says so in its result */
    if (st == SBX_OK)
        st = sbx_launcher_create(&self->launcher, true, err);
    if (st != SBX_OK) {
        sbx_worker_free(self);
        return st;
    }
    (void)sbx_job_sweep(NULL); /* what a killed sbx left behind */
    *out = self;
    return SBX_OK;
}

/* Made by a process of its own, which nothing waits for but this first run. */
static sbx_status prepare_idmap(sbx_worker *self, const sbx_plan *plan, sbx_error *err)
{
    pid_t mapper = 0;
    sbx_status st;

    if (!sbx_plan_maps_owners(plan))
        return SBX_OK;
    if (self->idmap_fd >= 0 && self->caller_uid == plan->caller_uid &&
        self->target_uid == plan->target_uid && self->caller_gid == plan->caller_gid &&
        self->target_gid == plan->target_gid)
        return SBX_OK;
    if (self->idmap_fd >= 0)
        close(self->idmap_fd);
    self->idmap_fd = -1;
    st = sbx_spawn_make_idmap(&self->idmap_fd, &mapper, plan, err);
    while (mapper > 0 && waitpid(mapper, NULL, 0) < 0 && errno == EINTR) {
    }
    self->caller_uid = plan->caller_uid;
    self->target_uid = plan->target_uid;
    self->caller_gid = plan->caller_gid;
    self->target_gid = plan->target_gid;
    return st;
}

void sbx_worker_run(sbx_result *result, sbx_worker *worker, const sbx_plan *plan,
                    const sbx_task *task)
{
    const sbx_run_options options = {
        .audit_path = worker->audit_path,
        .audit_required = worker->options.audit_required,
        .session = task->session,
        .agent = task->agent,
        .labels = task->labels,
        .batch = task->batch,
        .task = task->task,
        .attempt = task->attempt,
        .audit_busy_ns = worker->options.audit_busy_ns,
        .redaction = worker->options.redaction,
    };
    sbx_error err;
    sbx_run_base base = {.store = worker->store,
                         .launcher = worker->launcher,
                         .idmap_fd = -1,
                         .stdio_fd = task->stdio_fd};

    /* Where it cannot be made, the run makes it for itself and says what is wrong. */
    if (prepare_idmap(worker, plan, &err) == SBX_OK && sbx_plan_maps_owners(plan))
        base.idmap_fd = worker->idmap_fd;
    sbx_run_on(result, plan, &options, &base);
}

void sbx_worker_refuse(sbx_result *result, sbx_worker *worker, const sbx_refusal *refusal,
                       const sbx_error *why)
{
    memset(result, 0, sizeof(*result));
    sbx_refusal_describe(result, why);
    if (worker->store != NULL)
        result->audit_failed =
            sbx_refusal_record(result, refusal, worker->store, &result->audit_error) != SBX_OK;
}

void sbx_worker_settle(sbx_worker *worker)
{
    if (worker->store != NULL)
        (void)sbx_store_sync(worker->store, NULL); /* the next start does it, or says why not */
}

void sbx_worker_free(sbx_worker *worker)
{
    if (worker == NULL)
        return;
    sbx_launcher_free(worker->launcher);
    if (worker->idmap_fd >= 0)
        close(worker->idmap_fd);
    sbx_store_close(worker->store);
    free(worker->audit_path);
    free(worker);
}
