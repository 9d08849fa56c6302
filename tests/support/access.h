/*
 * The access check of Windows, as it is documented, in plain C: the oracle that the plans of the Windows backend
 * are held against, on any system.
 *
 * Sources, in Microsoft's documentation: "How AccessCheck works" and "How DACLs control access to an object" (order
 * of entries, first decision per right wins), "SID attributes in an access token" (deny-only), "Restricted
 * tokens" (two passes, both must grant), CreateRestrictedToken (WRITE_RESTRICTED), "ACE inheritance rules", "Access
 * rights and access masks" (generic mapping), well-known SIDs (OWNER RIGHTS), MS-DTYP 2.5.3.2.
 *
 * What the documents leave open is a parameter: which rights count as "write access" for a write-restricted token.
 * WIDE: every right that generic read and generic execute do not hold. NARROW: only what generic write holds and
 * those two do not, by which DELETE, WRITE_DAC, WRITE_OWNER and FILE_DELETE_CHILD would escape the second pass.
 */
#ifndef SBX_TESTS_SUPPORT_ACCESS_H
#define SBX_TESTS_SUPPORT_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/policy/windows/aces.h"

typedef struct oracle_sid {
    const char *sid;
    bool is_enabled;
    bool is_deny_only;
} oracle_sid;

enum { ORACLE_SIDS_MAX = 16, ORACLE_ACES_MAX = 32 };

typedef enum oracle_reading {
    ORACLE_WIDE,
    ORACLE_NARROW,
} oracle_reading;

typedef struct oracle_token {
    oracle_sid sids[ORACLE_SIDS_MAX]; /* the user first */
    size_t sid_count;
    const char *restricting[ORACLE_SIDS_MAX];
    size_t restricting_count; /* 0: not restricted */
    bool is_write_restricted;
    bool has_take_ownership;
    oracle_reading reading;
} oracle_token;

typedef struct oracle_object {
    const char *owner;
    bool has_list; /* false: everything is allowed to everybody */
    sbx_ace aces[ORACLE_ACES_MAX];
    size_t ace_count;
} oracle_object;

typedef struct oracle_mapping {
    uint32_t read, write, execute, all;
} oracle_mapping;

extern const oracle_mapping oracle_files, oracle_processes;

/* Are all the rights of desired granted? Generic ones are mapped first. */
bool oracle_grants(const oracle_token *token, const oracle_object *object,
                   const oracle_mapping *mapping, uint32_t desired);

/* Adds an entry where Windows keeps it: explicit before inherited, and in each deny before allow. */
void oracle_add(oracle_object *object, sbx_ace ace);

/* What a new child of parent has, where nobody gave a descriptor: the inheritable entries, marked inherited;
 * without any, the maker's default list. */
void oracle_inherit(oracle_object *child, const oracle_object *parent, bool is_directory,
                    const char *owner, const oracle_object *default_list);

#endif
