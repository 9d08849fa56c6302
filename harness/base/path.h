/*
 * Paths as text: nothing here asks the file system.
 *
 * Inside sbx a path has slashes on every system. An absolute one begins with a root: "/" on Linux, a drive with
 * its slash ("C:/") on Windows, where shares of other machines (//server/share) have no place in a plan and
 * count as not absolute, and where the case of a name does not matter.
 */
#ifndef SBX_BASE_PATH_H
#define SBX_BASE_PATH_H

#include <stdbool.h>

#include "harness/base/text.h"

/* How long the root of path is; 0: path is relative. */
size_t sbx_path_root_bytes(const char *path);

/* Both clean: they name the same place. */
bool sbx_path_is_same(const char *one, const char *other);

/*
 * Replaces out by the path made absolute and lexically clean: no "//", ".", "..", no trailing slash.
 * base: what a relative path is relative to; NULL: a relative path is INVALID, as is an empty one.
 */
SBX_MUST_USE sbx_status sbx_path_clean(sbx_text *out, const char *base, const char *path,
                                       sbx_error *err);

/* path is dir or lies below it (component-wise: /a/bc is not below /a/b). Both clean. */
bool sbx_path_is_within(const char *path, const char *dir);

/* The part after the last slash. */
const char *sbx_path_name(const char *path);

/* entry is NAME=VALUE, and its name is the one given (bytes long), as this system compares them. */
bool sbx_variable_is_named(const char *entry, const char *name, size_t bytes);

/* Shell-style glob with * and ? over a whole name (no path semantics, no locale). */
bool sbx_glob_matches(const char *glob, const char *text);

#endif
