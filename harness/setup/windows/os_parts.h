/* The real system, one file for each kind of thing; see os.h. Nobody else includes it. */
#ifndef SBX_SETUP_WINDOWS_OS_PARTS_H
#define SBX_SETUP_WINDOWS_OS_PARTS_H

#include <windows.h>

#include "harness/base/windows/functions.h"
#include "harness/base/windows/wide.h"
#include "harness/setup/windows/os.h"

/* What the table's why() says until the next call. */
void sbx_setup_say(const char *words);
/* The same of a failure, and its number. */
uint32_t sbx_setup_say_error(const sbx_error *err);
/* sbx_functions_find() with the table's numbers. */
uint32_t sbx_setup_functions(void *out, size_t bytes, const char *library, const char *const *names,
                             size_t count);

/* A security descriptor as text: whoever has that SID, and nobody else, matches. For firewall rules and filters. */
void sbx_setup_match_print(sbx_text *out, const char *sid);
/* Is this descriptor exactly such a one? */
bool sbx_setup_match_is(PSECURITY_DESCRIPTOR descriptor, const char *sid);

/* A logon of that sandbox user with the password that is kept, for CloseHandle(). NULL: *out_why says why not. */
HANDLE sbx_setup_logon(const char **out_why, const char *user);

#define SBX_SETUP_COMMENT L"Made by sbx-setup: commands of sbx run as this, and nobody logs on."

typedef struct sbx_setup_part {
    uint32_t (*find)(sbx_setup_found *out, const sbx_setup_item *item);
    uint32_t (*put)(const sbx_setup_item *item);
    uint32_t (*take)(const sbx_setup_item *item);
} sbx_setup_part;

extern const sbx_setup_part sbx_setup_part_group;       /* os_group.c */
extern const sbx_setup_part sbx_setup_part_member;      /* os_group.c */
extern const sbx_setup_part sbx_setup_part_user;        /* os_user.c */
extern const sbx_setup_part sbx_setup_part_right;       /* os_right.c */
extern const sbx_setup_part sbx_setup_part_hidden;      /* os_hidden.c */
extern const sbx_setup_part sbx_setup_part_rule;        /* os_firewall.c */
extern const sbx_setup_part sbx_setup_part_filter;      /* os_filter.c */
extern const sbx_setup_part sbx_setup_part_audit_entry; /* os_audit.c */
extern const sbx_setup_part sbx_setup_part_audit;       /* os_audit.c */

#endif
