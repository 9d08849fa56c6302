/* A small file that only its owner may read. The contract with the system. */
#ifndef SBX_AUDIT_PRIVATE_FILE_H
#define SBX_AUDIT_PRIVATE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "harness/base/error.h"

/*
 * As text, at most room - 1 bytes of it; *out_exists false: there is none.
 * is_private: it must be a plain file of the caller's that nobody else may read or write.
 */
SBX_MUST_USE sbx_status sbx_private_file_read(char *out, size_t room, bool *out_exists,
                                              const char *path, bool is_private, sbx_error *err);

/* Gives a file another name in its folder, which must not exist; durable. */
SBX_MUST_USE sbx_status sbx_private_file_rename(const char *from, const char *to, sbx_error *err);

#endif
