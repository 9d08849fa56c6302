/* Completion scripts for shells, made from the tables of commands and options. */
#ifndef SBX_CLI_COMPLETION_H
#define SBX_CLI_COMPLETION_H

#include "harness/base/text.h"

void sbx_completion_bash(sbx_text *out);
void sbx_completion_zsh(sbx_text *out);
void sbx_completion_fish(sbx_text *out);

#endif
