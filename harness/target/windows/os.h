/*
 * What a launch asks of Windows, as a table: a test puts a played system in its place, lets the n-th call fail, or
 * lets it say yes and do nothing. The types are sbx's own, so that what decides about the launch (token.c, entries.c,
 * enter.c) is plain C that is tested on every system; only os_*.c know windows.h.
 *
 * Each function is one thing asked of the system. It returns 0, or the system's error number and then has done
 * nothing. Text is UTF-8, paths are as in plans (C:/work).
 */
#ifndef SBX_TARGET_WINDOWS_OS_H
#define SBX_TARGET_WINDOWS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "harness/policy/windows/aces.h"

typedef void *sbx_handle; /* NULL: none */
typedef uint32_t sbx_os_code;

enum {
    SBX_OS_SID_BYTES = 192,
    SBX_OS_LIST_MAX = 32,
    SBX_OS_NOT_FOUND = 2,      /* ERROR_FILE_NOT_FOUND */
    SBX_OS_PATH_NOT_FOUND = 3, /* ERROR_PATH_NOT_FOUND */
    SBX_OS_DENIED = 5,         /* ERROR_ACCESS_DENIED */
    SBX_OS_NOT_EMPTY = 145,    /* ERROR_DIR_NOT_EMPTY */
    SBX_OS_EXISTS = 183,       /* ERROR_ALREADY_EXISTS */
    SBX_OS_BAD_FORMAT = 193,   /* ERROR_BAD_EXE_FORMAT */
    SBX_OS_NEEDS_ADMIN = 740,  /* ERROR_ELEVATION_REQUIRED */
};

/* An entry as it was read. */
typedef struct sbx_os_ace {
    sbx_ace_kind kind;
    uint32_t mask;
    unsigned flags;
    char sid[SBX_OS_SID_BYTES];
} sbx_os_ace;

typedef struct sbx_os_list {
    sbx_os_ace ace[SBX_OS_LIST_MAX];
    size_t count; /* may be more than was kept */
} sbx_os_list;

typedef struct sbx_os_token {
    char user[SBX_OS_SID_BYTES];
    char logon[SBX_OS_SID_BYTES]; /* "": it has none */
    char restricting[8][SBX_OS_SID_BYTES];
    size_t restricting_count; /* may be more than was kept */
    size_t privilege_count;
    bool is_restricted;
} sbx_os_token;

typedef struct sbx_os_place {
    uint64_t volume;
    uint8_t file_id[16];
    bool is_directory;
    bool is_link;      /* a reparse point: a link, a junction, something in a cloud */
    bool is_elsewhere; /* a link further up leads to another place than the path says */
} sbx_os_place;

/* Of a terminal, in characters; columns 0: there is none. */
typedef struct sbx_os_size {
    uint16_t columns, rows;
} sbx_os_size;

/* What a process is made from. */
typedef struct sbx_os_wish {
    const char *program; /* absolute */
    const char *command_line;
    const char *const *env; /* NULL-terminated NAME=VALUE */
    const char *cwd;
    const char *desktop; /* NULL: the caller's */
    bool
        leaves_own_job; /* in no job of this process's, but in that one alone; this process's must let it */
    sbx_handle token, job;
    sbx_handle stdio[3]; /* what becomes the standard handles; NULL: closed, or the terminal's */
    sbx_handle
        terminal; /* a pseudo console, which becomes its console; NULL: it has one of its own that nobody sees */
    sbx_os_size
        terminal_size; /* of one that is still to be made, by whom the process is made (path B) */
} sbx_os_wish;

typedef struct sbx_os_process {
    sbx_handle process, thread;
    uint32_t pid;
} sbx_os_process;

typedef struct sbx_target_os {
    /* --- tokens --- */
    sbx_os_code (*open_token)(sbx_handle *out); /* this process's */
    sbx_os_code (*open_process_token)(sbx_handle *out, sbx_handle process);
    sbx_os_code (*read_token)(sbx_os_token *out, sbx_handle token);
    sbx_os_code (*restrict_token)(sbx_handle *out, sbx_handle token, uint32_t flags,
                                  const char *const *sids, size_t count);
    /* All but the one by which folders are walked through, for good. */
    sbx_os_code (*drop_privileges)(sbx_handle token);
    sbx_os_code (*set_default_list)(sbx_handle token, const sbx_ace *aces, size_t count);
    sbx_os_code (*read_default_list)(sbx_os_list *out, sbx_handle token);

    /* --- lists of processes and tokens; NULL is this process --- */
    sbx_os_code (*set_list)(sbx_handle object, const sbx_ace *aces, size_t count);
    sbx_os_code (*read_list)(sbx_os_list *out, sbx_handle object);

    /* --- places --- */
    bool (*is_file)(const char *path);
    sbx_os_code (*system_folder)(char *out, size_t room); /* C:/Windows/System32 */
    /* Never follows a link at the end of the path. */
    sbx_os_code (*open_place)(sbx_handle *out, sbx_os_place *about, const char *path);
    /* The same file wherever it is now; path says on which drive to look. */
    sbx_os_code (*open_file_id)(sbx_handle *out, const char *path, uint64_t volume,
                                const uint8_t file_id[16]);
    sbx_os_code (*add_ace)(sbx_handle place, const sbx_ace *ace);
    sbx_os_code (*remove_ace)(sbx_handle place, const sbx_ace *ace); /* also where it has none */
    sbx_os_code (*count_aces)(size_t *out, sbx_handle place, const sbx_ace *ace); /* exactly such */
    /* Entries like ace, but for the SIDs of other runs (sbx_sid_is_run()) than that one. */
    sbx_os_code (*count_runs)(size_t *out, sbx_handle place, const sbx_ace *ace, const char *run);
    /* One process of this user at a time, for what takes more than one of these calls. May be taken once more inside. */
    sbx_os_code (*lock_places)(sbx_handle *out);
    void (*unlock_places)(sbx_handle lock); /* NULL is fine */
    /* With these entries and none from above; count 0: with those from above. What is missing above it is made
     * for the caller alone. */
    sbx_os_code (*make_directory)(const char *path, const sbx_ace *aces, size_t count);
    sbx_os_code (*remove_directory)(const char *path);             /* an empty one */
    sbx_os_code (*remove_tree)(const char *path);                  /* follows no link */
    sbx_os_code (*write_file)(const char *path, const char *text); /* a new one */

    /* --- the process --- */
    sbx_os_code (*make_desktop)(sbx_handle *out, char *out_name, size_t room, const char *name,
                                const sbx_ace *aces, size_t count);
    /*
     * Suspended, in the job from its birth, with no handle but the standard ones, and with a console that is its own and
     * not ours: what shares a console can type into it.
     */
    sbx_os_code (*make_process)(sbx_os_process *out, const sbx_os_wish *wish);
    sbx_os_code (*is_in_job)(bool *out, sbx_handle process, sbx_handle job);
    sbx_os_code (*resume)(sbx_handle thread);
    sbx_os_code (*end_process)(sbx_handle process); /* and waits until it is gone */

    void (*close)(sbx_handle handle);
    void (*close_desktop)(sbx_handle desktop);
} sbx_target_os;

/* The real one. Windows only. */
extern const sbx_target_os sbx_target_os_real;

#endif
