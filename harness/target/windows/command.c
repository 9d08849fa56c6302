/* The command itself: which file it is, and the line that it is given. */
#include <string.h>

#include "harness/target/windows/quote.h"
#include "harness/target/windows/steps.h"

static const char usual_extensions[] = ".COM;.EXE;.BAT;.CMD";

static bool is_slash(char c)
{
    return c == '/' || c == '\\';
}

static bool has_drive(const char *path)
{
    return ((path[0] >= 'A' && path[0] <= 'Z') || (path[0] >= 'a' && path[0] <= 'z')) &&
           path[1] == ':';
}

static bool is_absolute(const char *path)
{
    return (has_drive(path) && is_slash(path[2])) || (is_slash(path[0]) && is_slash(path[1]));
}

/* "C:name" means a directory that a variable says, "name:stream" another file than it seems. */
static bool is_ambiguous(const char *path)
{
    const char *behind = has_drive(path) ? path + 2 : path;

    return strchr(behind, ':') != NULL || (has_drive(path) && !is_slash(*behind));
}

static void add_path(sbx_text *out, const char *path, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        sbx_text_add_bytes(out, path[i] == '\\' ? "/" : path + i, 1);
}

static void add_native(sbx_text *out, const char *path)
{
    for (; *path != '\0'; path++)
        sbx_text_add_bytes(out, *path == '/' ? "\\" : path, 1);
}

/* Without "." and ".." behind the root, which paths of the long form do not know. */
static void add_clean(sbx_text *out, const char *path)
{
    size_t root_bytes = has_drive(path) ? 3 : 2;
    const char *at = path + root_bytes;

    add_path(out, path, root_bytes);
    while (*at != '\0' && !out->failed) {
        size_t bytes = strcspn(at, "/\\");

        if (bytes == 2 && memcmp(at, "..", 2) == 0) {
            while (out->bytes > root_bytes && out->data[--out->bytes] != '/') {
            }
            out->data[out->bytes] = '\0';
        } else if (bytes > 0 && !(bytes == 1 && *at == '.')) {
            if (out->bytes > root_bytes)
                sbx_text_add(out, "/");
            sbx_text_add_bytes(out, at, bytes);
        }
        at += bytes + (at[bytes] != '\0');
    }
}

/* Does the base, with nothing or with one of the extensions, name a file? Then it stands in *path. */
static bool try_extensions(sbx_text *path, const char *extensions, bool tries_bare,
                           const sbx_target_os *os)
{
    size_t base_bytes = path->bytes;

    if (tries_bare && !path->failed && os->is_file(path->data))
        return true;
    while (*extensions != '\0' && !path->failed) {
        size_t bytes = strcspn(extensions, ";");

        sbx_text_add_bytes(path, extensions, bytes);
        /* Only what this system starts by itself, or by its own interpreter. */
        if (bytes == 4 && !path->failed && os->is_file(path->data))
            return true;
        if (!path->failed)
            path->data[path->bytes = base_bytes] = '\0';
        extensions += bytes + (extensions[bytes] == ';');
    }
    return false;
}

static const char *extensions_of(const sbx_plan *plan)
{
    const char *found = sbx_plan_variable(plan, "PATHEXT");

    return found != NULL && *found != '\0' ? found : usual_extensions;
}

/* One directory of PATH, which may be quoted. A relative one is where somebody else may put a program. */
static bool try_directory(sbx_text *path, const char *directory, size_t bytes, const char *name,
                          const sbx_plan *plan, const sbx_target_os *os)
{
    if (bytes >= 2 && directory[0] == '"' && directory[bytes - 1] == '"') {
        directory++;
        bytes -= 2;
    }
    if (bytes < 3 || !is_absolute(directory))
        return false;
    sbx_text_clear(path);
    add_path(path, directory, bytes);
    if (!is_slash(directory[bytes - 1]))
        sbx_text_add(path, "/");
    sbx_text_add(path, name);
    return try_extensions(path, extensions_of(plan), strchr(name, '.') != NULL, os);
}

static bool find_in_list(sbx_text *path, const sbx_plan *plan, const sbx_target_os *os)
{
    const char *at = plan->path_list;

    while (*at != '\0') {
        size_t bytes = strcspn(at, ";");

        if (try_directory(path, at, bytes, plan->argv[0], plan, os))
            return true;
        at += bytes + (at[bytes] == ';');
    }
    return false;
}

static sbx_status find_file(sbx_text *path, const sbx_plan *plan, const sbx_target_os *os,
                            sbx_error *err)
{
    const char *name = plan->argv[0];
    size_t bytes = strlen(name);
    sbx_text whole = {0};

    if (is_ambiguous(name) || bytes == 0 || name[bytes - 1] == ' ' || name[bytes - 1] == '.')
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_EXEC,
                              "%s: is no name of a program (a drive needs a slash behind it, and a "
                              "name does not end in a blank or a dot)",
                              name);
    if (strpbrk(name, "/\\") == NULL) {
        if (find_in_list(path, plan, os))
            return sbx_text_check(path, err);
        return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_EXEC, "%s: command not found in PATH",
                              name);
    }
    if (!is_absolute(name)) {
        if (is_slash(name[0])) { /* of the working directory's drive */
            sbx_text_add_bytes(&whole, plan->cwd, 2);
        } else {
            sbx_text_add(&whole, plan->cwd);
            sbx_text_add(&whole, "/");
        }
    }
    sbx_text_add(&whole, name);
    if (!whole.failed)
        add_clean(path, whole.data);
    path->failed |= whole.failed;
    sbx_text_done(&whole);
    if (try_extensions(path, extensions_of(plan), true, os))
        return sbx_text_check(path, err);
    return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_EXEC, "%s: no such file", name);
}

static sbx_status make_batch_line(sbx_text *out_program, sbx_text *out_line, const sbx_plan *plan,
                                  const sbx_target_os *os, sbx_error *err)
{
    char folder[512];
    sbx_text script = {0}, interpreter = {0};
    sbx_os_code code = os->system_folder(folder, sizeof(folder));
    sbx_status st;

    if (code != 0)
        return sbx_fail_os(err, SBX_IO, SBX_STEP_EXEC, code, "find the command interpreter");
    add_native(&script, sbx_text_string(out_program));
    add_native(&interpreter, folder); /* not what a variable says it were */
    sbx_text_add(&interpreter, "\\cmd.exe");
    if ((st = sbx_text_check(&script, err)) == SBX_OK &&
        (st = sbx_text_check(&interpreter, err)) == SBX_OK)
        st = sbx_quote_batch(out_line, interpreter.data, script.data, plan->argv + 1, err);
    sbx_text_clear(out_program);
    add_path(out_program, sbx_text_string(&interpreter), interpreter.bytes);
    sbx_text_done(&script);
    sbx_text_done(&interpreter);
    return st == SBX_OK ? sbx_text_check(out_program, err) : st;
}

sbx_status sbx_command_find(sbx_text *out_program, sbx_text *out_line, const sbx_plan *plan,
                            const sbx_target_os *os, sbx_error *err)
{
    sbx_status st = find_file(out_program, plan, os, err);

    if (st != SBX_OK)
        return st;
    if (sbx_quote_is_batch(out_program->data))
        return make_batch_line(out_program, out_line, plan, os, err);
    return sbx_quote_program(out_line, plan->argv, err);
}
