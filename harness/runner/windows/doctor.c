/* What this Windows holds: each wall is set, read back, and thrown away. */
#include "harness/runner/doctor.h"

#include <stdio.h>
#include <stdlib.h>

#include "harness/policy/plan.h"
#include "harness/policy/windows/accounts.h"
#include "harness/runner/windows/kernel.h"
#include "harness/runner/windows/other_user.h"

typedef struct subject {
    sbx_wall wall;
    const char *by;
    const char *enforced, *missing, *fix;
} subject;

static const subject subjects[] = {
    {SBX_WALL_TOKEN, "restricted token",
     "a token made with a restricting SID, write-restricted and without privileges reads back so",
     "a token made with a restricting SID reads back without it, or with its privileges",
     "this system ignores restricting SIDs (Wine does): only --allow-degraded runs here"},
    {SBX_WALL_ACES, "access list",
     "an entry for a SID that nobody has was read back from a file in the temp directory",
     "an entry for a SID that nobody has was gone when read back",
     "put the temp directory and the writable roots on NTFS or ReFS"},
    {SBX_WALL_JOB, "job object", "limits set on a job read back as they were set",
     "limits set on a job do not read back", "this system does not hold the limits of a job"},
};

static void add(sbx_doctor_line *line, const subject *about, bool holds)
{
    *line = (sbx_doctor_line){.subject = sbx_wall_word(about->wall),
                              .state = holds ? "enforced" : "missing",
                              .by = about->by};
    (void)snprintf(line->detail, sizeof(line->detail), "%s",
                   holds ? about->enforced : about->missing);
    (void)snprintf(line->fix, sizeof(line->fix), "%s", holds ? "" : about->fix);
}

/* By the same try as in each run; of a machine that was not set up there is nobody who could try. */
static void add_network(sbx_doctor_line *line)
{
    sbx_host_users users = sbx_accounts_look();
    sbx_error why;

    *line =
        (sbx_doctor_line){.subject = sbx_wall_word(SBX_WALL_NET), .state = "missing", .by = "none"};
    if (users != SBX_USERS_THERE) {
        (void)snprintf(line->detail, sizeof(line->detail),
                       "a restricted token says nothing about the network, and %s",
                       sbx_accounts_amiss(users));
        (void)snprintf(line->fix, sizeof(line->fix), "%s; --net advisory asks the programs",
                       sbx_accounts_fix(users));
        return;
    }
    if (sbx_other_user_prove_net(&why) == SBX_OK) {
        line->state = "enforced";
        line->by = "filters";
        (void)snprintf(line->detail, sizeof(line->detail),
                       SBX_ACCOUNT_OFFLINE " was refused each address, each connection and each "
                                           "datagram, and nobody came");
        return;
    }
    (void)snprintf(line->detail, sizeof(line->detail), "%s", why.message);
    (void)snprintf(line->fix, sizeof(line->fix),
                   "`sbx-setup status` says what is missing, `sbx-setup repair` puts it back");
}

size_t sbx_doctor_run(sbx_doctor_line *out, size_t room)
{
    sbx_host host;
    size_t count = 0;

    sbx_host_look(&host);
    for (size_t i = 0; i < SBX_COUNT_OF(subjects) && count < room; i++) {
        sbx_wall wall = subjects[i].wall;

        add(&out[count++], &subjects[i],
            wall == SBX_WALL_TOKEN  ? host.restricts_tokens
            : wall == SBX_WALL_ACES ? host.keeps_aces
                                    : host.holds_jobs);
    }
    if (count < room)
        add_network(&out[count++]);
    return count + sbx_doctor_denials(&out[count], room - count);
}
