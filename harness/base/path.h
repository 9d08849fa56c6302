/* Paths as text: nothing here asks the file system. */
#ifndef SBX_BASE_PATH_H
#define SBX_BASE_PATH_H

#include <stdbool.h>

#include "harness/base/text.h"

/*
 * Replaces out by the path made absolute and lexically clean: no "//", ".", "..", no trailing slash.
 * base: what a relative path is relative to; NULL: a relative path is INVALID, as is an empty one.
 */
SBX_MUST_USE sbx_status sbx_path_clean(sbx_text *out, const char *base, const char *path, sbx_error *err);

/* path is dir or lies below it (component-wise: /a/bc is not below /a/b). Both clean. */
bool sbx_path_is_within(const char *path, const char *dir);

/* The part after the last slash. */
const char *sbx_path_name(const char *path);

/* Shell-style glob with * and ? over a whole name (no path semantics, no locale). */
bool sbx_glob_matches(const char *glob, const char *text);

#endif
