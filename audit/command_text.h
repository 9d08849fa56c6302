/*
 * A command as one line of words, from its argv as it is stored: a JSON array of strings. As SQL,
 * sbx_command(argv): what group_concat(value, ' ') over json_each(argv) gives, at a fifth of its cost,
 * and where argv is not such an array the text as it is, not an error. NULL of NULL and of no words.
 */
#ifndef SBX_AUDIT_COMMAND_TEXT_H
#define SBX_AUDIT_COMMAND_TEXT_H

#include <sqlite3.h>

#include "harness/base/text.h"

void sbx_command_text_add(sbx_text *out, const char *argv, size_t bytes);

/* For the statements of this connection; SQLite's code. */
int sbx_command_text_register(sqlite3 *db);

#endif
