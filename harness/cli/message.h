/*
 * What sbx says to people, always on stderr and always one line:
 *
 *     sbx: --wirte: no such option
 *     hint: did you mean --write?
 *
 * Library messages hold the fix, where there is one, after " — ". It is split off here, and where
 * there is none a table knows what usually helps. Whatever a message quotes is escaped.
 */
#ifndef SBX_CLI_MESSAGE_H
#define SBX_CLI_MESSAGE_H

#include "harness/base/error.h"
#include "harness/base/text.h"

/* "sbx: " and text, which may hold anything. */
void sbx_message(const char *text);

/* An error, with a hint line where something can be done. what is put in front; NULL: nothing. */
void sbx_message_error(const char *what, const sbx_error *error);

/* The same lines as text, for tests and for whoever does not print them. */
void sbx_message_format(sbx_text *out, const char *what, const sbx_error *error);

/* To stdout; a failure is said on stderr. Returns an exit code. */
int sbx_message_print(const sbx_text *text);

/* To stderr as it stands. */
void sbx_message_write(const sbx_text *text);

#endif
