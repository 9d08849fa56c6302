/*
 * A Windows that is played: harness/target/windows/os.h on a small world in memory, on any system. It keeps what it is
 * told, fails the n-th call it is asked to fail, lies where it is asked to lie, and remembers in which order things
 * were set and taken away. One world at a time.
 */
#ifndef SBX_TESTS_SUPPORT_PLAYED_WINDOWS_H
#define SBX_TESTS_SUPPORT_PLAYED_WINDOWS_H

#include "harness/target/windows/os.h"

enum { PLAYED_FAILURE = 1450 /* ERROR_NO_SYSTEM_RESOURCES */, PLAYED_LOG_MAX = 128 };

typedef struct played_world {
    unsigned call_count;
    unsigned fails_at; /* that call fails; 0: none does */
    /* Lies: the call says yes and does nothing. */
    bool forgets_restricting, keeps_privileges, forgets_default_list, forgets_guard;
    bool forgets_aces, keeps_removed_aces, leaves_job, gives_other_token;
    bool has_no_desktop;

    unsigned locks; /* of the places, that are held */
    bool
        removed_open; /* a directory was taken away that somebody had open: its name would have stayed */

    char failed_in[40]; /* the call that failed */
    char log[PLAYED_LOG_MAX][80];
    size_t log_count;
    bool has_run;                  /* a process was let go */
    bool has_dropped;              /* a process has dropped its privileges */
    sbx_os_list last_default_list; /* that was set, whosever: what is made now is open to that */
    sbx_handle terminal;           /* of the last process that was made */
    bool has_stdio;                /* as were its first two streams */

    /* Path B, for played_remote.c. */
    const char *as_user, *as_logon; /* whose open_token() is: the caller's, or another one's */
    sbx_handle in_job;              /* of who makes a process */
    void (*on_job_end)(void);
    bool ran_open; /* a runner ran before it was closed to its user, or out of its job */
} played_world;

extern played_world played;
extern const sbx_target_os played_windows;

/* An empty world: the user, no places. */
void played_reset(void);

void played_add_place(const char *path, bool is_directory);
void played_move_place(const char *from, const char *to);
void played_replace_by_link(const char *path);
bool played_has_place(const char *path);
size_t played_ace_count(const char *path); /* entries of runs at that place */
size_t played_ace_count_of(const char *path, const char *sid);
void played_put(const char *path); /* a file in a directory, by somebody */

sbx_handle played_job(void);

/* What another table over the same world needs. A call that is to fail says so by played_fails(). */
bool played_fails(const char *what);
void played_end_job(void);       /* played_job()'s processes */
sbx_handle played_new_job(void); /* its processes die when it is closed */
sbx_handle played_new_pipe(const sbx_ace *aces, size_t count);
sbx_os_process played_new_runner(uint32_t pid); /* suspended; it stays when it is let go */
void played_enter_job(sbx_handle process, sbx_handle job);
bool played_is_let_go(sbx_handle process);

/* What is left: open handles, entries, directories that were made, living processes. 0: nothing. */
size_t played_left(void);
void played_describe_left(char *out, size_t room);

#endif
