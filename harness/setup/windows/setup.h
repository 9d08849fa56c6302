/*
 * What a setup puts on a Windows machine for the sandbox users (path B), as data, and what carries it out: through a
 * table, each thing read back after it is put there, and taken away again where a later one fails. Pure: the same on
 * every system. The real table is in os.h; sbx-setup.exe (main.c) is who calls it.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_SETUP_H
#define SBX_SETUP_WINDOWS_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "harness/base/json.h"

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
    SBX_SETUP_AUDIT_ENTRY, /* failures of the group about, at every object of the type name, are to be told */
    SBX_SETUP_AUDIT, /* failures of the subcategory name are told; the whole machine's */
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

enum { SBX_SETUP_ITEMS_MAX = 64 };

typedef enum sbx_setup_found {
    SBX_SETUP_ABSENT,
    SBX_SETUP_OTHER, /* something of that name, but not as the plan has it */
    SBX_SETUP_THERE,
    SBX_SETUP_UNKNOWN, /* the system could not be asked */
} sbx_setup_found;

/* Numbers beside the system's, which has none with this bit. */
#define SBX_SETUP_NOT_OURS UINT32_C(0x20000001) /* of that name, and not made by a setup */
#define SBX_SETUP_NO_FUNCTION                                                                      \
    UINT32_C(0x20000002) /* this Windows lacks a function; why() names it */

/* Of an item: "user", "firewall rule" … */
const char *sbx_setup_kind_word(sbx_setup_kind kind);

/* What the system is asked. Each returns 0, or the system's error number and then has done nothing. */
typedef struct sbx_setup_os {
    uint32_t (*find)(sbx_setup_found *out, const sbx_setup_item *item);
    uint32_t (*put)(
        const sbx_setup_item *item); /* also over another one of that name that a setup made */
    uint32_t (*take)(const sbx_setup_item *item);
    /* What the last call found amiss, where a number does not say it: "the firewall is off". "": nothing. */
    const char *(*why)(void);
} sbx_setup_os;

/*
 * Puts there what is missing or is other than planned; what is as planned is left alone, so that a second setup does
 * nothing, and repair is the same call. On failure what this call had put there goes again, the last first.
 * Fails: IO       a call failed; the message names the thing
 *        REFUSED  something did not read back as it was put (a policy or another program undoes it), or is
 *                 somebody else's of that name
 */
SBX_MUST_USE sbx_status sbx_setup_install(const sbx_setup_os *os, sbx_error *err);

/*
 * What there is of each thing of the plan, in its order. Goes on past what cannot be looked for, and tells the first
 * such failure. *out_is_complete: all are there as planned.
 */
SBX_MUST_USE sbx_status sbx_setup_look(sbx_setup_found out[SBX_SETUP_ITEMS_MAX],
                                       bool *out_is_complete, const sbx_setup_os *os,
                                       sbx_error *err);

/* One line for each thing: "there", "other", "absent" or "unknown", its kind, its name, and whom it is about. */
void sbx_setup_print(sbx_text *out, const sbx_setup_found *found);
/* The same as an array of objects with the keys state, kind, name, about. */
void sbx_setup_print_json(sbx_json *json, const char *key, const sbx_setup_found *found);

/* Takes all away, the last first, and reads that back; goes on past a failure and tells the first one. */
SBX_MUST_USE sbx_status sbx_setup_uninstall(const sbx_setup_os *os, sbx_error *err);

#endif
