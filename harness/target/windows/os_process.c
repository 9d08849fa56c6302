/* The process: suspended, in its job from birth, on its desktop, with three handles and no more. A terminal is no handle of it. */
#include "harness/target/windows/os_parts.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "harness/base/windows/wide.h"

/* --- the desktop --- */

sbx_os_code sbx_os_make_desktop(sbx_handle *out, char *out_name, size_t room, const char *name,
                                const sbx_ace *aces, size_t count)
{
    SECURITY_DESCRIPTOR descriptor;
    SECURITY_ATTRIBUTES security = {.nLength = sizeof(security),
                                    .lpSecurityDescriptor = &descriptor};
    PACL list = sbx_os_list_make(aces, count);
    wchar_t station[128], *wide = sbx_wide(name);
    DWORD bytes = 0;
    sbx_text whole = {0};
    HDESK desktop = NULL;
    sbx_os_code code = 0;

    if (list == NULL || wide == NULL ||
        !InitializeSecurityDescriptor(&descriptor, SECURITY_DESCRIPTOR_REVISION) ||
        !SetSecurityDescriptorDacl(&descriptor, TRUE, list, FALSE) ||
        !GetUserObjectInformationW(GetProcessWindowStation(), UOI_NAME, station,
                                   sizeof(station) - sizeof(*station), &bytes) ||
        (desktop = CreateDesktopW(wide, NULL, NULL, 0, GENERIC_ALL, &security)) == NULL)
        code = GetLastError() == 0 ? ERROR_NOT_ENOUGH_MEMORY : GetLastError();
    if (code == 0) {
        station[bytes / sizeof(*station)] = L'\0';
        sbx_text_add_wide(&whole, station, wcslen(station));
        sbx_text_add_format(&whole, "\\%s", name);
        if (whole.failed || whole.bytes >= room)
            code = ERROR_FILENAME_EXCED_RANGE;
        else
            memcpy(out_name, whole.data, whole.bytes + 1);
    }
    if (code == 0)
        *out = desktop;
    else if (desktop != NULL)
        CloseDesktop(desktop);
    if (list != NULL)
        LocalFree(list);
    free(wide);
    sbx_text_done(&whole);
    return code;
}

/* --- the environment --- */

static int compare(const void *left, const void *right)
{
    const wchar_t *one = *(const wchar_t *const *)left, *other = *(const wchar_t *const *)right;
    int order =
        CompareStringOrdinal(one, (int)wcscspn(one, L"="), other, (int)wcscspn(other, L"="), TRUE);

    return order - CSTR_EQUAL;
}

/* One block, sorted by name as the system wants it, with an empty string at the end. */
static wchar_t *make_block(const char *const *env)
{
    size_t count = 0, units = 2, made = 0;
    wchar_t **entry, *block = NULL, *at;

    while (env[count] != NULL)
        count++;
    entry = calloc(count + 1, sizeof(*entry));
    for (; entry != NULL && made < count; made++) {
        entry[made] = sbx_wide(env[made]);
        if (entry[made] == NULL)
            break; /* not text: nothing that could be handed over */
        units += wcslen(entry[made]) + 1;
    }
    if (entry != NULL && made == count)
        block = calloc(units, sizeof(*block));
    if (block != NULL) {
        qsort(entry, count, sizeof(*entry), compare);
        at = block;
        for (size_t i = 0; i < count; i++) {
            size_t length = wcslen(entry[i]) + 1;

            wmemcpy(at, entry[i], length);
            at += length;
        }
    }
    for (size_t i = 0; entry != NULL && i < count; i++)
        free(entry[i]);
    free(entry);
    return block;
}

/* --- the process --- */

typedef struct making {
    STARTUPINFOEXW start;
    HANDLE inherited[3], list[3], job;
    size_t list_count;
    wchar_t *program, *line, *cwd, *desktop, *env;
    bool has_attributes;
} making;

static wchar_t *native(const char *path)
{
    wchar_t *wide = sbx_wide(path);

    for (wchar_t *at = wide; at != NULL && *at != L'\0'; at++)
        if (*at == L'/')
            *at = L'\\';
    return wide;
}

/* Copies that may be inherited: the caller's own handles stay as they are. One that is there twice is copied
 * twice, as no handle may stand twice in the list. Beside a terminal NULL is a handle of that one; were the three not
 * named at all, Windows would copy ours. */
static sbx_os_code copy_handles(making *self, const sbx_os_wish *wish)
{
    for (int i = 0; i < 3; i++) {
        if (wish->stdio[i] == NULL)
            continue;
        if (!DuplicateHandle(GetCurrentProcess(), wish->stdio[i], GetCurrentProcess(),
                             &self->inherited[i], 0, TRUE, DUPLICATE_SAME_ACCESS))
            return GetLastError();
        self->list[self->list_count++] = self->inherited[i];
    }
    self->start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
    self->start.StartupInfo.hStdInput = self->inherited[0];
    self->start.StartupInfo.hStdOutput = self->inherited[1];
    self->start.StartupInfo.hStdError = self->inherited[2];
    return 0;
}

static sbx_os_code set_attributes(making *self, const sbx_os_wish *wish)
{
    SIZE_T bytes = 0;
    DWORD count = 1u + (self->list_count > 0 ? 1u : 0u) + (wish->terminal != NULL ? 1u : 0u);
    LPPROC_THREAD_ATTRIBUTE_LIST list;

    (void)InitializeProcThreadAttributeList(NULL, count, 0, &bytes);
    list = malloc(bytes == 0 ? 1 : bytes);
    if (list == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    self->start.lpAttributeList = list;
    if (!InitializeProcThreadAttributeList(list, count, 0, &bytes))
        return GetLastError();
    self->has_attributes = true;
    self->job = wish->job;
    if (!UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_JOB_LIST, &self->job,
                                   sizeof(self->job), NULL, NULL))
        return GetLastError();
    if (self->list_count > 0 &&
        !UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, self->list,
                                   self->list_count * sizeof(self->list[0]), NULL, NULL))
        return GetLastError();
    if (wish->terminal != NULL &&
        !UpdateProcThreadAttribute(list, 0, PROC_THREAD_ATTRIBUTE_PSEUDOCONSOLE, wish->terminal,
                                   sizeof(wish->terminal), NULL, NULL))
        return GetLastError();
    return 0;
}

static sbx_os_code make_texts(making *self, const sbx_os_wish *wish)
{
    /* Old programs know no paths of the long form; and where it is short none is needed. */
    self->program =
        strlen(wish->program) < MAX_PATH ? native(wish->program) : sbx_wide_path(wish->program);
    self->line = sbx_wide(wish->command_line);
    self->cwd = native(wish->cwd);
    self->env = make_block(wish->env);
    self->desktop = wish->desktop == NULL ? NULL : sbx_wide(wish->desktop);
    self->start.StartupInfo.cb = sizeof(self->start);
    self->start.StartupInfo.lpDesktop = self->desktop;
    return self->program == NULL || self->line == NULL || self->cwd == NULL || self->env == NULL ||
                   (wish->desktop != NULL && self->desktop == NULL)
               ? ERROR_INVALID_DATA /* not UTF-8, or no memory */
               : 0;
}

static void done(making *self)
{
    if (self->has_attributes)
        DeleteProcThreadAttributeList(self->start.lpAttributeList);
    free(self->start.lpAttributeList);
    for (int i = 0; i < 3; i++)
        if (self->inherited[i] != NULL)
            CloseHandle(self->inherited[i]);
    free(self->program);
    free(self->line);
    free(self->cwd);
    free(self->env);
    free(self->desktop);
}

/*
 * A job that restricts windows cannot lie in another one, says Windows' documentation. Where the job around us lets our
 * children out, the command leaves it: it is in its own one from its birth, and that dies with us.
 */
static bool may_leave_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION around = {0};
    BOOL is_in_one = FALSE;

    return IsProcessInJob(GetCurrentProcess(), NULL, &is_in_one) && is_in_one &&
           QueryInformationJobObject(NULL, JobObjectExtendedLimitInformation, &around,
                                     sizeof(around), NULL) &&
           (around.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_BREAKAWAY_OK) != 0;
}

sbx_os_code sbx_os_make_process(sbx_os_process *out, const sbx_os_wish *wish)
{
    DWORD flags = CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT;
    PROCESS_INFORMATION made = {0};
    making self = {0};
    UINT mode;
    sbx_os_code code;

    if (wish->terminal ==
        NULL) /* the first of a new group is not told of ^C, which a terminal's is */
        flags |= CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW;
    if (wish->leaves_own_job || may_leave_job())
        flags |= CREATE_BREAKAWAY_FROM_JOB;
    if ((code = make_texts(&self, wish)) == 0 && (code = copy_handles(&self, wish)) == 0)
        code = set_attributes(&self, wish);
    if (code == 0) {
        /* Inherited: a crash is an exit code, and no window that waits for somebody. */
        mode = SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
        if (!CreateProcessAsUserW(wish->token, self.program, self.line, NULL, NULL,
                                  self.list_count > 0, flags, self.env, self.cwd,
                                  &self.start.StartupInfo, &made))
            code = GetLastError();
        SetErrorMode(mode);
    }
    done(&self);
    if (code == 0)
        *out = (sbx_os_process){made.hProcess, made.hThread, made.dwProcessId};
    return code;
}
