/*
 * What the played Windows (played_windows.h) is made of, for its own files: played_windows.c has tokens, processes and
 * the table, played_places.c what lies on its drives.
 */
#ifndef SBX_TESTS_SUPPORT_PLAYED_PARTS_H
#define SBX_TESTS_SUPPORT_PLAYED_PARTS_H

#include "harness/base/compiler.h"
#include "tests/support/played_windows.h"

#define PLAYED_USER "S-1-5-21-9-9-9-1001"

enum { PLACES_MAX = 48, HANDLES_MAX = 128, ACES_MAX = 24 };

typedef enum played_kind {
    NONE,
    TOKEN,
    PLACE,
    DESKTOP,
    PROCESS,
    THREAD,
    JOB,
    PIPE,
    TERMINAL
} played_kind;

typedef struct played_place {
    char path[160];
    bool exists, is_directory, is_link, is_made, is_occupied;
    sbx_os_ace ace[ACES_MAX];
    size_t ace_count;
} played_place;

typedef struct played_object {
    played_kind what;
    bool is_open;
    played_place *at;   /* of a played_place */
    sbx_os_token token; /* of a token */
    sbx_os_list list, default_list;
    bool is_alive, is_suspended, is_in_job, is_runner; /* of a process */
    sbx_handle own_job;
    struct played_object *process_token, *process;
} played_object;

extern played_place played_places[PLACES_MAX];

played_object *played_new_object(played_kind what);
void SBX_PRINTF(1, 2) played_say(const char *format, ...);
bool played_is_open(const played_place *at);
void played_keep_list(sbx_os_list *list, const sbx_ace *aces, size_t count);

/* --- played_places.c: that part of the table --- */

played_place *played_find_place(const char *path);
bool played_is_file(const char *path);
sbx_os_code played_system_folder(char *out, size_t room);
sbx_os_code played_open_place(sbx_handle *out, sbx_os_place *about, const char *path);
sbx_os_code played_open_file_id(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16]);
sbx_os_code played_add_ace(sbx_handle item, const sbx_ace *ace);
sbx_os_code played_remove_ace(sbx_handle item, const sbx_ace *ace);
sbx_os_code played_count_aces(size_t *out, sbx_handle item, const sbx_ace *ace);
sbx_os_code played_count_runs(size_t *out, sbx_handle item, const sbx_ace *ace, const char *run);
sbx_os_code played_lock_places(sbx_handle *out);
void played_unlock_places(sbx_handle lock);
sbx_os_code played_make_directory(const char *path, const sbx_ace *aces, size_t count);
sbx_os_code played_remove_directory(const char *path);
sbx_os_code played_remove_tree(const char *path);
sbx_os_code played_write_file(const char *path, const char *text);

#endif
