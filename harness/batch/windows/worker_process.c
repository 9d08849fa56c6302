/*
 * A worker's process. Its job lets nobody but the worker's own children out, and only where they are made to leave
 * (JOB_OBJECT_LIMIT_BREAKAWAY_OK): a run's job has limits for windows, and such a job cannot lie in another one. The
 * command's processes are in the run's job, which lets nobody out, and dies with the worker.
 */
#include <stdlib.h>
#include <string.h>

#include "harness/base/windows/security.h"
#include "harness/batch/windows/parts.h"
#include "harness/runner/windows/guard.h"

enum { PATH_UNITS = 32768, PIPE_BYTES = 65536, HANDLES = 3 };

sbx_status sbx_worker_job_make(HANDLE *out, bool must_hold, sbx_error *err)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION asked = {0}, found = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    sbx_status st = SBX_OK;

    asked.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE |
                                             JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION |
                                             JOB_OBJECT_LIMIT_BREAKAWAY_OK;
    if (job == NULL ||
        !SetInformationJobObject(job, JobObjectExtendedLimitInformation, &asked, sizeof(asked)) ||
        !QueryInformationJobObject(job, JobObjectExtendedLimitInformation, &found, sizeof(found),
                                   NULL))
        st = sbx_fail_batch(err, SBX_IO, GetLastError(), "make a job for the workers");
    else if (must_hold &&
             found.BasicLimitInformation.LimitFlags != asked.BasicLimitInformation.LimitFlags)
        st = sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_BATCH,
                            "the workers' job did not read back as it was set: they could outlive "
                            "this batch");
    if (st == SBX_OK)
        *out = job;
    else if (job != NULL)
        CloseHandle(job);
    return st;
}

typedef struct starting {
    STARTUPINFOEXW start;
    sbx_security process_list, thread_list;
    HANDLE child[HANDLES]; /* orders, reports, lock; the first two are closed here */
    HANDLE job;
    wchar_t *program;
    bool has_attributes;
} starting;

/* Nobody else makes processes here, so that no handle is inherited by another one meanwhile. */
static bool make_pipes(starting *self, sbx_worker_process *out)
{
    return CreatePipe(&self->child[0], &out->orders, NULL, PIPE_BYTES) &&
           CreatePipe(&out->reports, &self->child[1], NULL, PIPE_BYTES) &&
           SetHandleInformation(self->child[0], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT) &&
           SetHandleInformation(self->child[1], HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT);
}

static bool set_attributes(starting *self)
{
    SIZE_T bytes = 0;
    size_t handles = self->child[2] == NULL ? 2 : 3;
    LPPROC_THREAD_ATTRIBUTE_LIST list;

    (void)InitializeProcThreadAttributeList(NULL, 2, 0, &bytes);
    list = malloc(bytes == 0 ? 1 : bytes);
    self->start.lpAttributeList = list;
    if (list == NULL || !InitializeProcThreadAttributeList(list, 2, 0, &bytes))
        return false;
    self->has_attributes = true;
    return UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &self->job,
                                     sizeof(self->job), NULL, NULL) &&
           UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, self->child,
                                     handles * sizeof(self->child[0]), NULL, NULL);
}

/* Closed to commands from its birth: it is told what it has to do before it could close itself. */
static sbx_status set_lists(starting *self, sbx_error *err)
{
    sbx_text process = {0}, thread = {0};
    sbx_status st = sbx_guard_describe(&process, &thread, err);

    if (st == SBX_OK)
        st = sbx_security_of_text(&self->process_list, sbx_text_string(&process), SBX_STEP_BATCH,
                                  err);
    if (st == SBX_OK)
        st =
            sbx_security_of_text(&self->thread_list, sbx_text_string(&thread), SBX_STEP_BATCH, err);
    sbx_text_done(&process);
    sbx_text_done(&thread);
    return st;
}

static bool find_program(starting *self)
{
    DWORD units;

    self->program = malloc(PATH_UNITS * sizeof(*self->program));
    units = self->program == NULL ? 0 : GetModuleFileNameW(NULL, self->program, PATH_UNITS);
    return units > 0 && units < PATH_UNITS;
}

static sbx_status create(starting *self, sbx_worker_process *out, sbx_error *err)
{
    wchar_t line[] = L"sbx --worker";
    PROCESS_INFORMATION made = {0};
    BOOL is_in_job = FALSE;

    self->start.StartupInfo.cb = sizeof(self->start);
    self->start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    self->start.StartupInfo.hStdInput = self->child[0];
    self->start.StartupInfo.hStdOutput = self->child[1];
    /* Without our console: what is typed there is our business. */
    if (!CreateProcessW(self->program, line, &self->process_list.attributes,
                        &self->thread_list.attributes, TRUE,
                        EXTENDED_STARTUPINFO_PRESENT | DETACHED_PROCESS, NULL, NULL,
                        &self->start.StartupInfo, &made))
        return sbx_fail_batch(err, SBX_IO, GetLastError(), "start a worker");
    CloseHandle(made.hThread);
    out->process = made.hProcess;
    if (!IsProcessInJob(made.hProcess, self->job, &is_in_job) || !is_in_job) {
        (void)TerminateProcess(made.hProcess, 1);
        return sbx_fail_plain(err, SBX_REFUSED, SBX_STEP_BATCH,
                              "a worker is not in its job: it could outlive this batch");
    }
    return SBX_OK;
}

static void close_handle(HANDLE *handle)
{
    if (*handle != NULL)
        CloseHandle(*handle);
    *handle = NULL;
}

sbx_status sbx_worker_process_start(sbx_worker_process *out, HANDLE job, HANDLE lock,
                                    sbx_error *err)
{
    starting self = {.job = job, .child = {NULL, NULL, lock}};
    sbx_status st;

    *out = (sbx_worker_process){0};
    if (!make_pipes(&self, out) || !set_attributes(&self) || !find_program(&self))
        st = sbx_fail_batch(err, SBX_IO, GetLastError(), "prepare a worker");
    else
        st = set_lists(&self, err);
    if (st == SBX_OK)
        st = create(&self, out, err);
    close_handle(&self.child[0]);
    close_handle(&self.child[1]);
    if (self.has_attributes)
        DeleteProcThreadAttributeList(self.start.lpAttributeList);
    free(self.start.lpAttributeList);
    free(self.program);
    sbx_security_done(&self.process_list);
    sbx_security_done(&self.thread_list);
    if (st != SBX_OK) {
        close_handle(&out->orders);
        close_handle(&out->reports);
        close_handle(&out->process);
    }
    return st;
}
