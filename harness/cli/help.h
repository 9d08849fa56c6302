/* --help, made from the tables of commands and options. */
#ifndef SBX_CLI_HELP_H
#define SBX_CLI_HELP_H

#include "harness/base/text.h"
#include "harness/cli/command.h"

/* columns: of the terminal; 0 for none known (then 80). Never wider than 100, never narrower than 40. */
void sbx_help_format(sbx_text *out, sbx_command_id command, unsigned columns);

/* Prints it on stdout and returns the exit code. */
int sbx_help_print(sbx_command_id command);

/* Adds a paragraph: the first line starts at `at`, the others at indent, none passes columns. */
void sbx_help_add_wrapped(sbx_text *out, const char *text, size_t at, size_t indent,
                          size_t columns);

#endif
