/*
 * A Job Object as the group part of a job: everything in it dies when its last handle is closed, nobody leaves
 * it, and its completion port is the one place where it speaks. For limits/windows and its tests.
 *
 * The port is the runner's too: it waits there, hands messages with SBX_JOB_PORT_KEY to
 * sbx_job_take_message(), and may post its own with other keys.
 */
#ifndef SBX_LIMITS_WINDOWS_JOB_OBJECT_H
#define SBX_LIMITS_WINDOWS_JOB_OBJECT_H

#include "limits/backend.h"

extern const sbx_job_backend sbx_job_object_backend;

unsigned sbx_host_cpu_count(void);

#endif
