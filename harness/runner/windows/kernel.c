/* See kernel.h: whose the events are, by the members of the job, and which rule of the plan they are by. */
#include "harness/runner/windows/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"

enum { QUIET_MS = 100, MOST_MS = 1000 };

struct sbx_kernel {
    const sbx_plan *plan;
    sbx_members *members;
    char user[SBX_OS_SID_BYTES];
    sbx_nt_drives drives;
    sbx_event_log *events; /* NULL: not heard */
    sbx_net_events *net;   /* NULL: not heard */
    sbx_kernel_log log;
    uint64_t heard; /* by the security log, of our user: it is switched on */
};

static bool is_ours(void *context, uint32_t pid)
{
    const sbx_kernel *kernel = context;

    return sbx_members_had(kernel->members, pid);
}

static bool has_program(void *context, const char *program, uint32_t *out_pid)
{
    const sbx_kernel *kernel = context;

    return sbx_members_had_program(kernel->members, program, out_pid);
}

static const char *rule_of(void *context, const char *op, const char *target, bool is_network)
{
    const sbx_plan *plan = ((const sbx_kernel *)context)->plan;

    if (is_network)
        return plan->network == SBX_NETWORK_NONE       ? "network none"
               : plan->network == SBX_NETWORK_LOOPBACK ? "network loopback"
                                                       : NULL;
    if (strcmp(op, "read") == 0 || strcmp(op, "execute") == 0)
        return sbx_denied_read_rule(plan, target);
    return sbx_denied_rule(plan, target);
}

sbx_kernel *sbx_kernel_open(const sbx_plan *plan, sbx_members *members, sbx_denials *denials,
                            const char *user, HANDLE port)
{
    sbx_kernel *kernel = calloc(1, sizeof(*kernel));

    if (kernel == NULL)
        return NULL;
    kernel->plan = plan;
    kernel->members = members;
    (void)snprintf(kernel->user, sizeof(kernel->user), "%s", user);
    sbx_denied_drives(&kernel->drives);
    kernel->log = (sbx_kernel_log){.user = kernel->user,
                                   .drives = &kernel->drives,
                                   .denials = denials,
                                   .context = kernel,
                                   .is_ours = is_ours,
                                   .has_program = has_program,
                                   .rule_of = rule_of};
    /* That one of them cannot be heard is told by `sbx doctor`, not by each run. */
    if (sbx_members_keep_ended(members))
        (void)!sbx_event_log_open(&kernel->events, kernel->user, port, NULL);
    (void)!sbx_net_events_open(&kernel->net, kernel->user, port, NULL);
    if (kernel->events != NULL || kernel->net != NULL)
        return kernel;
    sbx_kernel_free(kernel);
    return NULL;
}

void sbx_kernel_free(sbx_kernel *kernel)
{
    if (kernel == NULL)
        return;
    sbx_net_events_close(kernel->net);
    sbx_event_log_close(kernel->events);
    free(kernel);
}

static void on_event(void *context, const sbx_event_value values[SBX_SECURITY_FIELD_COUNT])
{
    sbx_kernel *kernel = context;

    kernel->heard++;
    sbx_kernel_log_security(&kernel->log, values);
}

static void on_drop(void *context, const sbx_net_drop *drop)
{
    sbx_kernel *kernel = context;

    sbx_kernel_log_drop(&kernel->log, drop);
}

void sbx_kernel_take(sbx_kernel *kernel)
{
    if (kernel->events != NULL)
        sbx_event_log_read(kernel->events, on_event, kernel);
    if (kernel->net != NULL)
        sbx_net_events_read(kernel->net, on_drop, kernel);
}

/* The log's service writes a moment after the kernel has spoken; nobody says when it has written all. */
bool sbx_kernel_finish(sbx_kernel *kernel)
{
    uint64_t until_ns = sbx_clock_monotonic_ns() + MOST_MS * SBX_NS_PER_MS;
    HANDLE signal[2];
    DWORD count = 0;
    bool is_quiet = false;

    if (kernel->events != NULL)
        signal[count++] = sbx_event_log_signal(kernel->events);
    if (kernel->net != NULL)
        signal[count++] = sbx_net_events_signal(kernel->net);
    while (!is_quiet && sbx_clock_monotonic_ns() < until_ns) {
        sbx_kernel_take(kernel);
        is_quiet = WaitForMultipleObjects(count, signal, FALSE, QUIET_MS) == WAIT_TIMEOUT;
    }
    if (!is_quiet) /* they still come: how many more is not known */
        kernel->log.lost++;
    sbx_kernel_take(kernel);
    return kernel->log.lost == 0 &&
           (kernel->events == NULL || sbx_event_log_lost(kernel->events) == 0) &&
           (kernel->net == NULL || sbx_net_events_lost(kernel->net) == 0);
}

void sbx_kernel_add_sources(sbx_text *out, const sbx_kernel *kernel)
{
    if (kernel->heard > 0)
        sbx_text_add_format(out, "%s%s", out->bytes > 0 ? "," : "",
                            sbx_denial_source_word(SBX_SOURCE_SECURITY_LOG));
    if (kernel->net != NULL)
        sbx_text_add_format(out, "%s%s", out->bytes > 0 ? "," : "",
                            sbx_denial_source_word(SBX_SOURCE_WFP));
}
