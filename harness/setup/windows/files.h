/*
 * The places where a setup keeps what it has to remember, and how a file gets there: whole, or not at all.
 *
 * Places are asked of the system and not taken from variables, which a program of the caller's could have set for one
 * that is elevated. Paths are as in plans (C:/Users).
 *
 * Who may include it: harness/setup/windows, tests.
 */
#ifndef SBX_SETUP_WINDOWS_FILES_H
#define SBX_SETUP_WINDOWS_FILES_H

#include "harness/base/text.h"

typedef enum sbx_setup_folder {
    SBX_SETUP_FOLDER_PROFILE, /* the caller's */
    SBX_SETUP_FOLDER_LOCAL,   /* LocalAppData/sbx of the caller's */
    SBX_SETUP_FOLDER_MACHINE, /* ProgramData/sbx */
    SBX_SETUP_FOLDER_WINDOWS, /* these four: what every user may read */
    SBX_SETUP_FOLDER_PROGRAMS,
    SBX_SETUP_FOLDER_PROGRAMS_X86,
    SBX_SETUP_FOLDER_DATA, /* ProgramData */
} sbx_setup_folder;

/* Appends its path; it need not exist. */
SBX_MUST_USE sbx_status sbx_setup_folder_find(sbx_text *out, sbx_setup_folder which,
                                              sbx_error *err);

/* Makes a folder with that list (SDDL), where it is not there; the one above it exists. */
SBX_MUST_USE sbx_status sbx_setup_folder_make(const char *path, const char *sddl, sbx_error *err);

/*
 * Is the folder one that only the system, administrators and this user may write to? Also not a link, and of one of
 * their making.
 * Fails: REFUSED  somebody else could change what is in it; the message says what to do
 */
SBX_MUST_USE sbx_status sbx_setup_folder_check(const char *path, sbx_error *err);

/* An empty one; not there is fine, and so is not empty: others keep things there. */
SBX_MUST_USE sbx_status sbx_setup_folder_remove(const char *path, sbx_error *err);

/* Written beside its place under a name of nobody else's, flushed and renamed over what is there. */
SBX_MUST_USE sbx_status sbx_setup_file_write(const char *path, const char *text, const char *sddl,
                                             sbx_error *err);

/* Caller frees; NULL with OK: there is none. At most 4 MiB. */
SBX_MUST_USE sbx_status sbx_setup_file_read(char **out, const char *path, sbx_error *err);

/* Not there is fine. */
SBX_MUST_USE sbx_status sbx_setup_file_remove(const char *path, sbx_error *err);

#endif
