/*
 * Which entries a run needs on the host's files, and what its token is: pure, from a plan's rules and the SIDs.
 *
 * What the entries rest on: the target's token is restricted by the run's own SID, so a write needs two yeses, the
 * user's and that SID's. The SID is random and nobody else's: what has no entry for it cannot be written.
 *
 *   a root            allow, on itself without deleting it, and for all below with deleting. Never "delete child",
 *                     by which a protected name could be deleted whatever it says itself
 *   a protected name  deny, on itself and all below: nearer than what the root allows
 *   an absent one     a directory is made in its place, with the same; of several runs that need it there the last one
 *                     takes it away. That it is one of these is said by an entry for a SID that nobody has
 *   a pin             deny deleting (which renaming is), on that directory alone
 *   a denied path     deny writing; with a group of sandbox users (path B) also reading
 *
 * Path B: the sandbox's user has no rights of its own, so the group gets what the run's SID gets.
 */
#ifndef SBX_POLICY_WINDOWS_ACE_PLAN_H
#define SBX_POLICY_WINDOWS_ACE_PLAN_H

#include "harness/policy/plan.h"
#include "harness/policy/windows/aces.h"

enum { SBX_ACE_STEPS_MAX = 4 * SBX_PLAN_RULES_MAX + 4 };

typedef struct sbx_ace_step {
    const char *path; /* the plan's */
    bool is_directory;
    bool is_made; /* the directory is made for the run and goes with it */
    sbx_ace ace;
} sbx_ace_step;

typedef struct sbx_ace_sids {
    const char *run;   /* of this run alone */
    const char *group; /* path B: of the sandbox users; NULL: path A */
} sbx_ace_sids;

/*
 * Steps in the order in which they are to be set: a protected name is closed before its root is opened. Undone
 * backwards. Returns how many; at most room, SBX_ACE_STEPS_MAX is always enough.
 */
size_t sbx_ace_plan(sbx_ace_step *out, size_t room, const sbx_plan *plan, const sbx_ace_sids *sids);

/* --- whose entry it is --- */

/*
 * A run's SID has a last part that no account has, because accounts are "S-1-5-21-" and four parts. By it the entries of
 * runs are told from everybody else's: a place may have those of several, and what is of no run's own (a directory that
 * stands in for a name, the group's entry) goes with the last of them.
 */
#define SBX_RUN_SID_FORMAT "S-1-5-21-%lu-%lu-%lu-%lu-21592"
bool sbx_sid_is_run(const char *sid);

/* Allows nobody to read who may change it: what a directory that stands in for an absent name is known by. */
sbx_ace sbx_ace_of_stand_in(void);

/* --- the token --- */

enum { SBX_TOKEN_SIDS_MAX = 4, SBX_TOKEN_ACES_MAX = 8 };

/* Flags of CreateRestrictedToken, Windows' numbers. */
enum {
    SBX_TOKEN_DISABLE_MAX_PRIVILEGE = 0x1,
    SBX_TOKEN_LUA = 0x4,
    SBX_TOKEN_WRITE_RESTRICTED = 0x8,
};

typedef struct sbx_token_sids {
    const char *run;
    const char
        *logon;       /* of the caller's session: its window station and desktop are open to that */
    const char *user; /* whose token it is made from */
    bool is_sandbox_user; /* path B */
    bool allows_everyone; /* each place that Everyone may write, the target may */
    const char *group;    /* path B: of the sandbox users; NULL: path A */
    const char *
        overseer; /* path B: whose sbx.exe watches the run; may look at what the target makes, and end it.
                             NULL: the same user */
} sbx_token_sids;

typedef struct sbx_token_plan {
    const char *user; /* whose it is */
    uint32_t flags;
    const char *restricting[SBX_TOKEN_SIDS_MAX];
    size_t restricting_count;
    /* What new objects of the target get that have no place to inherit from: pipes, events, its processes. */
    sbx_ace default_aces[SBX_TOKEN_ACES_MAX];
    size_t default_count;
} sbx_token_plan;

void sbx_token_plan_make(sbx_token_plan *out, const sbx_token_sids *sids);

/*
 * The list of the processes that guard the run (sbx, the runner): on path A they are the target's own user's. No
 * right for that user to change, read, duplicate from or end them, and none for the owner to say otherwise.
 * Ending counts as "execute" for Windows, which a write-restricted token is not asked for a second time.
 */
size_t sbx_guard_aces(sbx_ace out[SBX_TOKEN_ACES_MAX], const char *user);

#endif
