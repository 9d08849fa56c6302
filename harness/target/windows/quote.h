/*
 * A list of arguments as the one line that Windows hands to a program, such that the program's own splitting gives
 * the list back byte for byte. Pure: the same on every system.
 *
 * Two kinds of reader, two functions. A program made with a C runtime, or one that calls CommandLineToArgvW(), undoes
 * backslashes and double quotes. The command interpreter, which runs .bat and .cmd files, does not: what it is
 * given it reads as its own language, and there is no form in which every argument would be only an argument.
 */
#ifndef SBX_TARGET_WINDOWS_QUOTE_H
#define SBX_TARGET_WINDOWS_QUOTE_H

#include <stdbool.h>

#include "harness/base/text.h"

/* What CreateProcess() takes, the end included, in units of UTF-16. */
enum { SBX_COMMAND_LINE_UNITS_MAX = 32767 };

/*
 * argv is NULL-terminated and has a first element.
 * Fails: INVALID         a double quote in argv[0], for which there is no form
 *        NOT_EXECUTABLE  longer than Windows takes
 */
SBX_MUST_USE sbx_status sbx_quote_program(sbx_text *out, const char *const *argv, sbx_error *err);

/*
 * For a batch file: interpreter /e:ON /v:OFF /d /c "script arguments…". arguments begins behind argv[0].
 * Fails: INVALID  an argument, or the script's own name, in which the interpreter could see a command: with a
 *                 double quote, a percent sign, a line break or another control character
 *        NOT_EXECUTABLE as above; the interpreter takes 8191
 */
SBX_MUST_USE sbx_status sbx_quote_batch(sbx_text *out, const char *interpreter, const char *script,
                                        const char *const *arguments, sbx_error *err);

/* The name ends in .bat or .cmd, in any case. */
bool sbx_quote_is_batch(const char *path);

#endif
