/* The command itself: where it is, and becoming it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness/target/linux/steps.h"

static sbx_status too_long(const char *name, sbx_error *err)
{
    return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_EXEC, "the name is too long: %s", name);
}

/* dir/name, or name where dir is empty (POSIX: the working directory). false: too long. */
static bool join(char out[4096], const char *dir, size_t dir_bytes, const char *name)
{
    size_t name_bytes = strlen(name);

    if (dir_bytes + name_bytes + 2 > 4096)
        return false;
    memcpy(out, dir, dir_bytes);
    if (dir_bytes > 0)
        out[dir_bytes++] = '/';
    memcpy(out + dir_bytes, name, name_bytes + 1);
    return true;
}

sbx_status sbx_command_find(char out_path[4096], const sbx_plan *plan, sbx_error *err)
{
    const char *name = plan->argv[0];
    const char *at = plan->path_list;
    bool is_forbidden = false;

    if (strchr(name, '/') != NULL || *name == '\0')
        return join(out_path, "", 0, name) ? SBX_OK : too_long(name, err);
    for (;;) {
        size_t bytes = strcspn(at, ":");
        struct stat about;

        if (join(out_path, at, bytes, name) && stat(out_path, &about) == 0 &&
            S_ISREG(about.st_mode)) {
            if (faccessat(AT_FDCWD, out_path, X_OK, AT_EACCESS) == 0)
                return SBX_OK;
            is_forbidden = true;
        }
        if (at[bytes] == '\0')
            break;
        at += bytes + 1;
    }
    if (is_forbidden)
        return sbx_fail_errno(err, SBX_NOT_EXECUTABLE, SBX_STEP_EXEC, EACCES, "run %s", name);
    return sbx_fail_plain(err, SBX_NOT_FOUND, SBX_STEP_EXEC, "%s: command not found in PATH", name);
}

/* Signals as the caller had them: sbx's own handlers vanish by execve, what it ignores does not. */
static void restore_signals(const sbx_entry *entry)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};

    if (!entry->ignores_sigpipe)
        sigaction(SIGPIPE, &standard, NULL);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &entry->signal_mask, NULL, sizeof(entry->signal_mask));
}

/* A file without "#!" is a shell script, as execvp() and every shell have it. */
static void execute_as_script(const char *path, const sbx_plan *plan)
{
    size_t bytes = (plan->argc + 2) * sizeof(char *);
    const char **argv =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (argv == MAP_FAILED)
        return;
    argv[0] = "sh";
    argv[1] = path;
    for (size_t i = 1; i <= plan->argc; i++)
        argv[i + 1] = plan->argv[i];
    syscall(SYS_execve, "/bin/sh", argv, plan->env);
}

sbx_status sbx_command_execute(const char *path, const sbx_entry *entry, sbx_error *err)
{
    const sbx_plan *plan = entry->plan;
    sbx_status st = SBX_NOT_EXECUTABLE;
    int code;

    restore_signals(entry);
    syscall(SYS_execve, path, plan->argv, plan->env);
    if (errno == ENOEXEC)
        execute_as_script(path, plan);
    code = errno;
    if (code == ENOENT || code == ENOTDIR)
        st = SBX_NOT_FOUND;
    if (code == ENOENT && access(path, F_OK) == 0)
        return sbx_fail_plain(err, SBX_NOT_EXECUTABLE, SBX_STEP_EXEC,
                              "run %s: the interpreter or loader that it names does not exist",
                              path);
    return sbx_fail_errno(err, st, SBX_STEP_EXEC, code, "run %s", path);
}
