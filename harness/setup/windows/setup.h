/*
 * What a setup puts on a Windows machine for the sandbox users (path B), as data, and what carries it out: through a
 * table, each thing read back after it is put there, and taken away again where a later one fails. Pure: the same on
 * every system. There is no program yet that carries it out on a real one.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_SETUP_H
#define SBX_SETUP_WINDOWS_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/text.h"

#define SBX_SETUP_GROUP "SbxUsers"
#define SBX_SETUP_OFFLINE "SbxOffline"
#define SBX_SETUP_ONLINE "SbxOnline"

typedef enum sbx_setup_kind {
    SBX_SETUP_LOCAL_GROUP,  /* name */
    SBX_SETUP_USER,         /* name; its password is made when it is, and kept under DPAPI */
    SBX_SETUP_MEMBER,       /* about is in the group name */
    SBX_SETUP_DENIED_RIGHT, /* about may not log on in the way name */
    SBX_SETUP_HIDDEN,       /* name is not shown for signing in */
    SBX_SETUP_RULE,         /* a firewall rule, blocking, for the user about */
    SBX_SETUP_FILTER,       /* a filter of the filtering platform, the same */
} sbx_setup_kind;

typedef struct sbx_setup_item {
    sbx_setup_kind kind;
    const char *name;
    const char *about;
    bool is_inbound;    /* of a rule */
    const char *remote; /* of a rule: addresses; NULL: any */
    const char *layer;  /* of a filter */
} sbx_setup_item;

/*
 * In the order in which they are put there. The walls of the network come last, and name the user whom they hold; a
 * setup that fails at one takes the user away again, so that nobody is left without.
 */
const sbx_setup_item *sbx_setup_plan(size_t *out_count);

typedef enum sbx_setup_found {
    SBX_SETUP_ABSENT,
    SBX_SETUP_OTHER, /* something of that name, but not as the plan has it */
    SBX_SETUP_THERE,
} sbx_setup_found;

/* What the system is asked. Each returns 0, or the system's error number and then has done nothing. */
typedef struct sbx_setup_os {
    uint32_t (*find)(sbx_setup_found *out, const sbx_setup_item *item);
    uint32_t (*put)(const sbx_setup_item *item); /* also over another one of that name */
    uint32_t (*take)(const sbx_setup_item *item);
} sbx_setup_os;

/*
 * Puts there what is missing or is other than planned; what is as planned is left alone, so that a second setup does
 * nothing, and repair is the same call. On failure what this call had put there goes again, the last first.
 * Fails: IO       a call failed; the message names the thing
 *        REFUSED  something did not read back as it was put: a policy or another program undoes it
 */
SBX_MUST_USE sbx_status sbx_setup_install(const sbx_setup_os *os, sbx_error *err);

/* One line for each thing: "there", "other" or "absent", its kind and its name. *out_is_complete: all are there. */
SBX_MUST_USE sbx_status sbx_setup_status(sbx_text *out, bool *out_is_complete,
                                         const sbx_setup_os *os, sbx_error *err);

/* Takes all away, the last first, and reads that back; goes on past a failure and tells the first one. */
SBX_MUST_USE sbx_status sbx_setup_uninstall(const sbx_setup_os *os, sbx_error *err);

#endif
