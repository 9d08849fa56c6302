/*
 * Running programs on Windows (and under Wine) with their streams in pipes. A test program is its own probe: started
 * with "--probe VERB…" it does one thing and says by its exit code how that went.
 */
#ifndef SBX_TESTS_SUPPORT_WINDOWS_PROGRAM_H
#define SBX_TESTS_SUPPORT_WINDOWS_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <windows.h>

#include <aclapi.h>

typedef struct program_run {
    char *out, *err; /* with a NUL behind them */
    size_t out_bytes, err_bytes;
    DWORD code;
} program_run;

const char *program_sbx(void);  /* bin/sbx.exe, C:\… */
const char *program_self(void); /* this test program */
bool program_is_wine(void);

/* A new directory C:/…, with slashes; gone at the end of the program. */
const char *program_place(const char *name);

/* argv: NULL-terminated. Fails the test where it cannot be started. */
void program_do(program_run *out, const char *const *argv, const void *input, size_t bytes);
/* The same for one that takes longer than a minute. */
void program_do_for(program_run *out, const char *const *argv, const void *input, size_t bytes,
                    DWORD wait_ms);
void program_done(program_run *run);

/* Started, and left alone with NUL as its streams. For CloseHandle(). */
HANDLE program_start(const char *const *argv);

/* The same with streams of one's own, which must be inheritable; NULL: none. */
HANDLE program_start_with(const char *const *argv, const HANDLE stdio[3]);

/* One number of the database by SQL; -1: nothing. text may be NULL. */
long long program_ask(const char *database, const char *sql, char *text, size_t room);

/* Of the newest run. Fails the test where they differ. */
void program_check_row(const char *database, const char *columns, const char *expected);

/* Grants Everyone something at a place, or takes all of that away, and cuts the place off from what it inherits. */
void program_set_access(const char *path, ACCESS_MODE mode, DWORD rights);

/* main() of a test program: hands "--probe" to probe, whose value is the exit code. */
bool program_is_probe(int *out_code, int (*probe)(int argc, char **argv));

#endif
