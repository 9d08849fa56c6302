/* The real system, in three files; see os.h. Beside them only harness/runner/windows/remote_os.c includes it. */
#ifndef SBX_TARGET_WINDOWS_OS_PARTS_H
#define SBX_TARGET_WINDOWS_OS_PARTS_H

#include <windows.h>

#include "harness/target/windows/os.h"

/* ---- os_list.c: between sbx's entries and Windows' ---- */

/* A new list for LocalFree(); NULL: GetLastError() says why. */
PACL sbx_os_list_make(const sbx_ace *aces, size_t count);
void sbx_os_list_read(sbx_os_list *out, PACL list); /* NULL: nothing */
/* Is this exactly that entry, and of the object itself (not from above)? sid: of the entry. */
bool sbx_os_ace_is(const ACE_HEADER *found, const sbx_ace *ace, PSID sid);
/* The same of another run than that one. */
bool sbx_os_ace_is_of_run(const ACE_HEADER *found, const sbx_ace *ace, const char *run);
PSID sbx_os_sid(const char *text); /* for LocalFree() */
bool sbx_os_sid_print(char out[SBX_OS_SID_BYTES], PSID sid);

/* ---- os_lock.c: who changes a list, of all processes of this user ---- */

sbx_os_code sbx_os_lock_lists(HANDLE *out);
void sbx_os_unlock_lists(HANDLE lock); /* NULL is fine */

/* ---- os_token.c ---- */

sbx_os_code sbx_os_open_token(sbx_handle *out);
sbx_os_code sbx_os_open_process_token(sbx_handle *out, sbx_handle process);
sbx_os_code sbx_os_read_token(sbx_os_token *out, sbx_handle token);
sbx_os_code sbx_os_restrict_token(sbx_handle *out, sbx_handle token, uint32_t flags,
                                  const char *const *sids, size_t count);
sbx_os_code sbx_os_drop_privileges(sbx_handle token);
sbx_os_code sbx_os_set_default_list(sbx_handle token, const sbx_ace *aces, size_t count);
sbx_os_code sbx_os_read_default_list(sbx_os_list *out, sbx_handle token);
sbx_os_code sbx_os_set_list(sbx_handle object, const sbx_ace *aces, size_t count);
sbx_os_code sbx_os_read_list(sbx_os_list *out, sbx_handle object);

/* ---- os_place.c ---- */

bool sbx_os_is_file(const char *path);
sbx_os_code sbx_os_system_folder(char *out, size_t room);
sbx_os_code sbx_os_open_place(sbx_handle *out, sbx_os_place *about, const char *path);
sbx_os_code sbx_os_open_file_id(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16]);
sbx_os_code sbx_os_add_ace(sbx_handle place, const sbx_ace *ace);
sbx_os_code sbx_os_remove_ace(sbx_handle place, const sbx_ace *ace);
sbx_os_code sbx_os_count_aces(size_t *out, sbx_handle place, const sbx_ace *ace);
sbx_os_code sbx_os_count_runs(size_t *out, sbx_handle place, const sbx_ace *ace, const char *run);
sbx_os_code sbx_os_make_directory(const char *path, const sbx_ace *aces, size_t count);
sbx_os_code sbx_os_remove_directory(const char *path);
sbx_os_code sbx_os_remove_tree(const char *path);
sbx_os_code sbx_os_write_file(const char *path, const char *text);

/* ---- os_process.c ---- */

sbx_os_code sbx_os_make_desktop(sbx_handle *out, char *out_name, size_t room, const char *name,
                                const sbx_ace *aces, size_t count);
sbx_os_code sbx_os_make_process(sbx_os_process *out, const sbx_os_wish *wish);

#endif
