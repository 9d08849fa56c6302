/* What the program has from its caller, on Windows. */
#include "harness/cli/caller.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/windows/security.h"
#include "harness/base/windows/wide.h"

#include <shellapi.h>

static const DWORD standard[] = {STD_INPUT_HANDLE, STD_OUTPUT_HANDLE, STD_ERROR_HANDLE};

static HANDLE standard_handle(int fd)
{
    HANDLE handle = GetStdHandle(standard[fd]);

    return handle == INVALID_HANDLE_VALUE ? NULL : handle;
}

/* Handles are never given out by number here: what is closed stays closed, and nothing lands in its place. */
bool sbx_caller_fill_stdio(void)
{
    return true;
}

sbx_status sbx_caller_arguments(int *argc, char ***argv, sbx_error *err)
{
    int count = 0;
    wchar_t **wide = CommandLineToArgvW(GetCommandLineW(), &count);
    char **list = wide == NULL ? NULL : calloc((size_t)count + 1, sizeof(*list));

    for (int i = 0; list != NULL && i < count; i++) {
        sbx_text text = {0};

        sbx_text_add_wide(&text, wide[i], wcslen(wide[i]));
        sbx_text_add(&text, ""); /* an empty argument is a string too */
        if (!text.failed && text.data == NULL)
            text.data = calloc(1, 1);
        if (text.data == NULL)
            list = NULL;
        else
            list[i] = text.data; /* kept as long as the process */
    }
    if (wide != NULL)
        LocalFree(wide);
    if (list == NULL)
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_OPTIONS, "no memory for the arguments");
    *argc = count;
    *argv = list;
    return SBX_OK;
}

static unsigned columns_from_environment(void)
{
    const char *text = sbx_windows_variable("COLUMNS");
    unsigned value = 0;

    for (; text != NULL && *text >= '0' && *text <= '9' && value < 10000; text++)
        value = value * 10 + (unsigned)(*text - '0');
    return text == NULL || *text != '\0' ? 0 : value;
}

/* Consoles since Windows 10 know the escape sequences, where they are asked to. */
static bool knows_sequences(HANDLE console)
{
    DWORD mode = 0;

    return GetConsoleMode(console, &mode) &&
           SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
}

sbx_screen sbx_caller_screen(int fd)
{
    CONSOLE_SCREEN_BUFFER_INFO info;
    HANDLE handle = standard_handle(fd);
    sbx_screen screen = {0};
    DWORD mode;

    if (handle == NULL || !GetConsoleMode(handle, &mode))
        return screen;
    screen.is_terminal = true;
    screen.columns = columns_from_environment();
    if (screen.columns == 0 && GetConsoleScreenBufferInfo(handle, &info))
        screen.columns = (unsigned)(info.srWindow.Right - info.srWindow.Left + 1);
    screen.can_redraw = knows_sequences(handle);
    screen.wants_colour = sbx_windows_variable("NO_COLOR") == NULL && screen.can_redraw;
    return screen;
}

/* A console takes UTF-16, whatever its code page is. */
static bool write_console(HANDLE console, const char *data, size_t bytes)
{
    char *text = malloc(bytes + 1);
    wchar_t *wide = NULL;
    bool ok = false;

    if (text != NULL) {
        memcpy(text, data, bytes);
        text[bytes] = '\0';
        wide = strlen(text) == bytes ? sbx_wide(text) : NULL;
    }
    if (wide != NULL) {
        DWORD units = (DWORD)wcslen(wide), done = 0;

        ok = WriteConsoleW(console, wide, units, &done, NULL) && done == units;
    }
    free(wide);
    free(text);
    return ok;
}

sbx_status sbx_caller_write(int fd, const char *data, size_t bytes, sbx_error *err)
{
    HANDLE handle = standard_handle(fd);
    DWORD mode;

    if (handle != NULL && GetConsoleMode(handle, &mode) && write_console(handle, data, bytes))
        return SBX_OK;
    while (bytes > 0) {
        DWORD part = bytes > 1u << 20 ? 1u << 20 : (DWORD)bytes, done = 0;

        if (handle == NULL || !WriteFile(handle, data, part, &done, NULL))
            return sbx_fail_win32(err, SBX_IO, SBX_STEP_NONE,
                                  handle == NULL ? ERROR_INVALID_HANDLE : GetLastError(),
                                  "cannot write to %s", fd == 1 ? "stdout" : "stderr");
        data += done;
        bytes -= done;
    }
    return SBX_OK;
}

sbx_status sbx_caller_absolute(sbx_text *out, const char *path, sbx_error *err)
{
    wchar_t *wide = sbx_wide(strcmp(path, ".") == 0 ? ".\\" : path);
    wchar_t *full = NULL;
    DWORD units = wide == NULL ? 0 : GetFullPathNameW(wide, 0, NULL, NULL);
    sbx_status st = SBX_OK;

    if (units > 0)
        full = malloc(units * sizeof(*full));
    if (full == NULL || (units = GetFullPathNameW(wide, units, full, NULL)) == 0) {
        st = sbx_fail_win32(err, SBX_INVALID, SBX_STEP_OPTIONS,
                            wide == NULL ? ERROR_INVALID_NAME : GetLastError(),
                            "\"%s\": is no path", path);
    } else {
        while (units > 3 && full[units - 1] == L'\\') /* but the one of "C:\" */
            units--;
        sbx_text_add_wide_path(out, full, units);
        st = sbx_text_check(out, err);
    }
    free(full);
    free(wide);
    return st;
}

const char *const *sbx_caller_environment(void)
{
    static const char *const nothing[] = {NULL};
    const char *const *found = sbx_windows_environment();

    return found != NULL ? found : nothing;
}

/* There are none here; a crash is an exit code. */
const char *sbx_caller_signal_name(int number)
{
    (void)number;
    return "unknown";
}

/* The last part of the caller's SID tells the accounts of one machine apart. */
/* By number only: the record has numbers. */
bool sbx_caller_find_user(unsigned *out, const char *name)
{
    char *end = NULL;
    unsigned long number = strtoul(name, &end, 10);

    *out = (unsigned)number;
    return name[0] >= '0' && name[0] <= '9' && *end == '\0' && number < UINT32_MAX;
}

unsigned sbx_caller_user(void)
{
    char sid[SBX_SID_TEXT_BYTES];
    const char *last;

    if (sbx_security_user(sid, NULL) != SBX_OK || (last = strrchr(sid, '-')) == NULL)
        return 0;
    return (unsigned)strtoul(last + 1, NULL, 10);
}
