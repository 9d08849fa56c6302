/* Paths as text. */
#include "harness/base/path.h"

#include <string.h>

/* Adds the components of path to out, which holds a root without its slash, or more. */
static void add_components(sbx_text *out, size_t root_bytes, const char *path)
{
    while (*path != '\0') {
        size_t length = strcspn(path, "/");

        if (length == 2 && path[0] == '.' && path[1] == '.') {
            while (out->bytes > root_bytes && out->data[--out->bytes] != '/')
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
    size_t root_bytes = sbx_path_root_bytes(path);
    const char *rooted = root_bytes > 0 ? path : base;

    sbx_text_clear(out);
    if (path[0] == '\0')
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_NONE, "an empty path");
    if (root_bytes == 0 && base != NULL)
        root_bytes = sbx_path_root_bytes(base);
    if (root_bytes == 0)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_NONE, "%s: not an absolute path", path);
    root_bytes--; /* a root without its slash: each component brings its own */
    sbx_text_add_bytes(out, rooted, root_bytes);
    add_components(out, root_bytes, rooted + root_bytes);
    if (rooted != path)
        add_components(out, root_bytes, path);
    if (out->bytes == root_bytes)
        sbx_text_add_bytes(out, "/", 1);
    return sbx_text_check(out, err);
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
