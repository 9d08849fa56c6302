/* Paths as text. */
#include "harness/base/path.h"

#include <string.h>

/* Adds the components of path to out, which holds a clean absolute path or nothing. */
static void add_components(sbx_text *out, const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length == 2 && path[0] == '.' && path[1] == '.') {
            while (out->bytes > 0 && out->data[--out->bytes] != '/')
                continue;
            if (out->data != NULL)
                out->data[out->bytes] = '\0';
        } else if (length > 0 && !(length == 1 && path[0] == '.')) {
            sbx_text_add_bytes(out, "/", 1);
            sbx_text_add_bytes(out, path, length);
        }
        path += length;
        path += strspn(path, "/");
    }
}

sbx_status sbx_path_clean(sbx_text *out, const char *base, const char *path, sbx_error *err)
{
    sbx_text_clear(out);
    if (path[0] == '\0')
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_NONE, "an empty path");
    if (path[0] != '/') {
        if (base == NULL || base[0] != '/')
            return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_NONE, "%s: not an absolute path",
                                  path);
        add_components(out, base);
    }
    add_components(out, path);
    if (out->bytes == 0)
        sbx_text_add_bytes(out, "/", 1);
    return sbx_text_check(out, err);
}

bool sbx_path_is_within(const char *path, const char *dir)
{
    size_t length = strlen(dir);

    if (strncmp(path, dir, length) != 0)
        return false;
    return path[length] == '\0' || path[length] == '/' || (length == 1 && dir[0] == '/');
}

const char *sbx_path_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

bool sbx_glob_matches(const char *glob, const char *text)
{
    const char *star = NULL, *retry = NULL; /* the last *, and where its match ends so far */

    while (*text != '\0') {
        if (*glob == '*') {
            star = glob++;
            retry = text;
        } else if (*glob == '?' || *glob == *text) {
            glob++;
            text++;
        } else if (star != NULL) {
            glob = star + 1;
            text = ++retry;
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return *glob == '\0';
}
