/*
 * Functions of the system's libraries that a Windows may lack, looked up when they are needed. Only in the system's own
 * folder: a library of that name beside a program, which may be an elevated one, must not be it.
 *
 * Who may include it: windows/ folders and their tests.
 */
#ifndef SBX_BASE_WINDOWS_FUNCTIONS_H
#define SBX_BASE_WINDOWS_FUNCTIONS_H

#include <stddef.h>

#include "harness/base/error.h"

/*
 * Fills a structure that has one pointer for each name, in that order. The library stays until the process ends.
 * Fails: REFUSED  the library or one of them is not there; the message names it
 */
SBX_MUST_USE sbx_status sbx_functions_find(void *out, size_t bytes, const char *library,
                                           const char *const *names, size_t count, sbx_error *err);

#endif
