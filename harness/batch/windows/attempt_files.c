/* The files of one attempt at a task: what it reads, writes, and should have written. */
#include "harness/batch/attempt_files.h"

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "harness/base/clock.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"
#include "harness/batch/names.h"
#include "harness/batch/windows/parts.h"

void sbx_attempt_init(sbx_attempt_files *files)
{
    *files = (sbx_attempt_files){.directory_fd = -1, .stdio_fd = {-1, -1, -1}};
}

static sbx_status fail(sbx_error *err, const char *what, const char *path)
{
    return sbx_fail_batch(err, SBX_IO, GetLastError(), "%s %s", what, path);
}

/* The handle is the descriptor's from here on, also where there is none. */
static int descriptor_of(HANDLE handle)
{
    int fd = handle == INVALID_HANDLE_VALUE ? -1 : _open_osfhandle((intptr_t)handle, _O_BINARY);

    if (fd < 0 && handle != INVALID_HANDLE_VALUE) {
        CloseHandle(handle);
        SetLastError(ERROR_TOO_MANY_OPEN_FILES);
    }
    return fd;
}

/* tasks/NAME/ATTEMPT: each level is made, and none of them may be a link. */
static sbx_status make_directory(sbx_attempt_files *files, const char *out_path, const char *id,
                                 unsigned attempt, sbx_error *err)
{
    sbx_text path = {0};
    DWORD code = 0;

    for (int level = 0; code == 0 && level < 3; level++) {
        if (level == 0)
            sbx_text_add_format(&path, "%s/tasks", out_path);
        else
            sbx_text_add(&path, "/");
        if (level == 1)
            sbx_batch_file_name(&path, id);
        else if (level == 2)
            sbx_text_add_format(&path, "%u", attempt);
        code = path.failed ? ERROR_NOT_ENOUGH_MEMORY : sbx_batch_directory_make(path.data);
    }
    if (code != 0) {
        sbx_text_done(&path);
        return sbx_fail_batch(err, SBX_IO, code, "make the directory of results of %s", id);
    }
    files->directory = path.data; /* malloc'ed: ours from here on */
    return SBX_OK;
}

/* Gone with its last handle, and nobody else's meanwhile. */
static HANDLE open_unnamed(void)
{
    wchar_t folder[MAX_PATH + 1], name[MAX_PATH + 40];
    sbx_security owner_only = {0};
    uint64_t random = 0;
    HANDLE made;

    if (GetTempPathW(SBX_COUNT_OF(folder), folder) == 0 ||
        sbx_random_bytes(&random, sizeof(random), NULL) != SBX_OK ||
        sbx_security_owner_only(&owner_only, SBX_STEP_BATCH, NULL) != SBX_OK)
        return INVALID_HANDLE_VALUE;
    (void)swprintf(name, SBX_COUNT_OF(name), L"%lssbx-output-%llx.tmp", folder,
                   (unsigned long long)random);
    made = CreateFileW(name, GENERIC_READ | GENERIC_WRITE | DELETE, 0, &owner_only.attributes,
                       CREATE_NEW, FILE_ATTRIBUTE_TEMPORARY | FILE_FLAG_DELETE_ON_CLOSE, NULL);
    sbx_security_done(&owner_only);
    return made;
}

static HANDLE open_named(const sbx_attempt_files *files, const char *name)
{
    sbx_text path = {0};
    HANDLE made = INVALID_HANDLE_VALUE;

    sbx_text_add_format(&path, "%s/%s", files->directory, name);
    if (path.failed)
        SetLastError(ERROR_NOT_ENOUGH_MEMORY);
    else
        made = sbx_batch_file_open(path.data, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ,
                                   CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL);
    sbx_text_done(&path);
    return made;
}

static sbx_status open_output(sbx_attempt_files *files, int stream, sbx_error *err)
{
    const char *name = stream == 1 ? "stdout" : "stderr";

    files->stdio_fd[stream] =
        descriptor_of(files->directory == NULL ? open_unnamed() : open_named(files, name));
    return files->stdio_fd[stream] < 0 ? fail(err, "make a file for", name) : SBX_OK;
}

/* A named pipe would wait for a writer, and a device is none of a task's business. */
static HANDLE open_regular(const char *path)
{
    wchar_t *wide = sbx_wide_path(path);
    HANDLE file = INVALID_HANDLE_VALUE;

    if (wide == NULL)
        SetLastError(ERROR_INVALID_NAME);
    else
        file =
            CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                        NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    free(wide);
    if (file != INVALID_HANDLE_VALUE && GetFileType(file) != FILE_TYPE_DISK) {
        CloseHandle(file);
        file = INVALID_HANDLE_VALUE;
        SetLastError(ERROR_INVALID_NAME);
    }
    return file;
}

static HANDLE open_nothing(void)
{
    return CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                       OPEN_EXISTING, 0, NULL);
}

sbx_status sbx_attempt_open(sbx_attempt_files *out, const sbx_batch_setup *setup, const char *id,
                            unsigned attempt, const char *stdin_path, sbx_error *err)
{
    sbx_status st = SBX_OK;

    sbx_attempt_init(out);
    if (setup->out_path != NULL)
        st = make_directory(out, setup->out_path, id, attempt, err);
    if (st != SBX_OK)
        return st;
    out->stdio_fd[0] =
        descriptor_of(stdin_path == NULL ? open_nothing() : open_regular(stdin_path));
    if (out->stdio_fd[0] < 0)
        return fail(err, "open for stdin", stdin_path == NULL ? "NUL" : stdin_path);
    st = open_output(out, 1, err);
    return st == SBX_OK ? open_output(out, 2, err) : st;
}

/* The whole of a file: pages that the system has anyway. */
static bool map(sbx_bytes *out, HANDLE file)
{
    LARGE_INTEGER size;
    HANDLE section;
    void *data;

    *out = (sbx_bytes){NULL, 0};
    if (!GetFileSizeEx(file, &size))
        return false;
    if (size.QuadPart == 0)
        return true;
    section = CreateFileMappingW(file, NULL, PAGE_READONLY, 0, 0, NULL);
    if (section == NULL)
        return false;
    data = MapViewOfFile(section, FILE_MAP_READ, 0, 0, 0);
    CloseHandle(section); /* the view keeps it */
    if (data == NULL)
        return false;
    *out = (sbx_bytes){data, (size_t)size.QuadPart};
    return true;
}

sbx_status sbx_attempt_map(sbx_attempt_files *files, const json_t *expect, sbx_error *err)
{
    for (int stream = 1; stream <= 2; stream++) {
        const json_t *wanted = json_object_get(expect, stream == 1 ? "stdout" : "stderr");
        const char *path = json_string_value(json_object_get(wanted, "equals_file"));
        HANDLE file = path == NULL ? INVALID_HANDLE_VALUE : open_regular(path);

        if (!map(&files->output[stream], (HANDLE)_get_osfhandle(files->stdio_fd[stream])))
            return fail(err, "read what was written to", stream == 1 ? "stdout" : "stderr");
        if (path != NULL && (file == INVALID_HANDLE_VALUE || !map(&files->wanted[stream], file)))
            files->wanted[stream] = (sbx_bytes){NULL, 1}; /* could not be read */
        if (file != INVALID_HANDLE_VALUE)
            CloseHandle(file);
    }
    return SBX_OK;
}

bool sbx_attempt_is_kept(const sbx_attempt_files *files)
{
    return files->directory != NULL;
}

sbx_status sbx_attempt_write_result(const sbx_attempt_files *files, const sbx_text *json,
                                    sbx_error *err)
{
    const char *at = sbx_text_string(json);
    size_t left = json->bytes;
    HANDLE file = open_named(files, "result.json");
    sbx_status st = SBX_OK;

    if (file == INVALID_HANDLE_VALUE)
        return fail(err, "make", "result.json");
    while (st == SBX_OK && left > 0) {
        DWORD done = 0;

        if (!WriteFile(file, at, (DWORD)left, &done, NULL))
            st = fail(err, "write", "result.json");
        at += done;
        left -= done;
    }
    CloseHandle(file);
    return st;
}

static void unmap(const sbx_bytes *bytes)
{
    if (bytes->data != NULL)
        (void)UnmapViewOfFile(bytes->data);
}

void sbx_attempt_close(sbx_attempt_files *files)
{
    for (int stream = 0; stream <= 2; stream++) {
        unmap(&files->output[stream]);
        unmap(&files->wanted[stream]);
        if (files->stdio_fd[stream] >= 0)
            (void)_close(files->stdio_fd[stream]);
    }
    free(files->directory);
    sbx_attempt_init(files);
}

/* Where it lies in a writable root it is closed there; everywhere else it is closed already. */
sbx_status sbx_attempt_hide_results(sbx_policy *policy, const sbx_batch_setup *setup,
                                    sbx_error *err)
{
    return setup->out_path == NULL ? SBX_OK
                                   : sbx_strings_add(&policy->deny_write, setup->out_path, err);
}
