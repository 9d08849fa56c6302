/*
 * The real system behind a terminal; see terminal_os.h. Two threads copy: one from the caller's console to the command,
 * which waits for events and never for a key, and one from the command to the screen. A third closes the pseudo
 * console, which may wait for the second one to have read all of it.
 */
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "harness/runner/windows/terminal.h"

enum { PIPE_BYTES = 65536, EVENTS_MAX = 128, TRIES = 20, TRY_MS = 50 };

typedef HRESULT(WINAPI *make_function)(COORD, HANDLE, HANDLE, DWORD, HPCON *);
typedef HRESULT(WINAPI *resize_function)(HPCON, COORD);
typedef void(WINAPI *close_function)(HPCON);

static struct {
    make_function make;
    resize_function resize;
    close_function close;
} pseudo;

typedef struct copying {
    sbx_terminal *terminal;
    HANDLE console[2]; /* the caller's */
    HANDLE stop;       /* an event: no key more */
    HANDLE typing, showing, closing;
    HANDLE to_command, from_command;
    HPCON ending;        /* what the third thread closes */
    volatile LONG skips; /* what comes is not shown */
    bool is_left;        /* a thread goes on using this */
} copying;

/* --- the caller's console --- */

static sbx_os_code read_mode(uint32_t *out, sbx_handle console)
{
    DWORD mode = 0;

    if (!GetConsoleMode(console, &mode))
        return GetLastError();
    *out = mode;
    return 0;
}

static sbx_os_code set_mode(sbx_handle console, uint32_t mode)
{
    return SetConsoleMode(console, mode) ? 0 : GetLastError();
}

static sbx_os_code read_size(sbx_os_size *out, sbx_handle screen)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (!GetConsoleScreenBufferInfo(screen, &info))
        return GetLastError();
    if (info.srWindow.Right < info.srWindow.Left || info.srWindow.Bottom < info.srWindow.Top)
        return ERROR_INVALID_DATA;
    *out = (sbx_os_size){(uint16_t)(info.srWindow.Right - info.srWindow.Left + 1),
                         (uint16_t)(info.srWindow.Bottom - info.srWindow.Top + 1)};
    return 0;
}

/* As wide characters, whatever the console's code page is: that is everybody's who has the console. */
static bool show_bytes(HANDLE screen, const uint8_t *data, size_t bytes)
{
    static wchar_t
        wide[PIPE_BYTES]; /* one thread at a time: that of the screen, and then whoever ended it */
    int units = bytes == 0 ? 0
                           : MultiByteToWideChar(CP_UTF8, 0, (const char *)data, (int)bytes, wide,
                                                 PIPE_BYTES);

    for (int at = 0; at < units;) {
        DWORD done = 0, part = (DWORD)(units - at);

        if (part > 8192) /* older hosts have no room for more at once */
            part = 8192;
        if (!WriteConsoleW(screen, wide + at, part, &done, NULL) || done == 0)
            return false;
        at += (int)done;
    }
    return true;
}

static void show(sbx_handle screen, const char *text)
{
    (void)show_bytes(screen, (const uint8_t *)text, strlen(text));
}

/* --- the command's --- */

static bool has_pseudo(void)
{
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    FARPROC make = GetProcAddress(kernel, "CreatePseudoConsole");
    FARPROC resize = GetProcAddress(kernel, "ResizePseudoConsole");
    FARPROC close = GetProcAddress(kernel, "ClosePseudoConsole");

    if (make == NULL || resize == NULL || close == NULL)
        return false;
    memcpy(&pseudo.make, &make, sizeof(make));
    memcpy(&pseudo.resize, &resize, sizeof(resize));
    memcpy(&pseudo.close, &close, sizeof(close));
    return true;
}

static sbx_os_code make_pipe(sbx_handle *out_from, sbx_handle *out_to)
{
    HANDLE from = NULL, to = NULL;

    if (!CreatePipe(&from, &to, NULL, PIPE_BYTES))
        return GetLastError();
    *out_from = from;
    *out_to = to;
    return 0;
}

static COORD coord_of(const sbx_os_size *size)
{
    return (COORD){(SHORT)(size->columns > SHRT_MAX ? SHRT_MAX : size->columns),
                   (SHORT)(size->rows > SHRT_MAX ? SHRT_MAX : size->rows)};
}

/*
 * The place of the cursor is asked of the terminal: output goes on from there, and the screen is not cleared. Wine hands that
 * wish to a host of its own that does not know it, and ends of it.
 */
static DWORD wishes(void)
{
    bool is_wine = GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != NULL;

    return is_wine ? 0 : PSEUDOCONSOLE_INHERIT_CURSOR;
}

static sbx_os_code make_pseudo(sbx_handle *out, const sbx_os_size *size, sbx_handle from,
                               sbx_handle to)
{
    HPCON made = NULL;
    HRESULT result;

    if (pseudo.make == NULL && !has_pseudo())
        return ERROR_PROC_NOT_FOUND;
    result = pseudo.make(coord_of(size), from, to, wishes(), &made);
    if (FAILED(result) || made == NULL)
        return HRESULT_FACILITY(result) == FACILITY_WIN32 && HRESULT_CODE(result) != 0
                   ? (sbx_os_code)HRESULT_CODE(result)
                   : ERROR_GEN_FAILURE;
    *out = made;
    return 0;
}

static void resize_pseudo(sbx_handle made, const sbx_os_size *size)
{
    (void)pseudo.resize(made, coord_of(size)); /* else it stays as it was */
}

static void close_pseudo(sbx_handle made)
{
    pseudo.close(made);
}

/* --- copying --- */

static void close_handle(HANDLE *handle)
{
    if (*handle != NULL)
        CloseHandle(*handle);
    *handle = NULL;
}

static bool write_all(HANDLE to, const char *data, size_t bytes)
{
    while (bytes > 0) {
        DWORD done = 0;

        if (!WriteFile(to, data, (DWORD)bytes, &done, NULL) || done == 0)
            return false;
        data += done;
        bytes -= done;
    }
    return true;
}

static size_t convert(sbx_console_event out[EVENTS_MAX], const INPUT_RECORD *records, DWORD count)
{
    size_t made = 0;

    for (DWORD i = 0; i < count; i++) {
        const KEY_EVENT_RECORD *key = &records[i].Event.KeyEvent;

        if (records[i].EventType == WINDOW_BUFFER_SIZE_EVENT)
            out[made++] = (sbx_console_event){.is_size = true};
        else if (records[i].EventType == KEY_EVENT)
            out[made++] = (sbx_console_event){
                .key = {.is_down = key->bKeyDown != 0,
                        .repeats = key->wRepeatCount > 0 ? key->wRepeatCount : 1,
                        .code = key->wVirtualKeyCode,
                        .unit = (uint16_t)key->uChar.UnicodeChar,
                        .state = key->dwControlKeyState}};
    }
    return made;
}

static bool is_stopped(const copying *self)
{
    return WaitForSingleObject(self->stop, 0) == WAIT_OBJECT_0;
}

/* The terminal is the caller's memory: it is not touched when the end was asked for. */
static bool type_some(copying *self, sbx_text *text)
{
    INPUT_RECORD records[EVENTS_MAX];
    sbx_console_event events[EVENTS_MAX];
    DWORD count = 0;

    if (!GetNumberOfConsoleInputEvents(self->console[0], &count))
        return false;
    if (count == 0)
        return true; /* somebody else took it */
    if (!ReadConsoleInputW(self->console[0], records, EVENTS_MAX, &count) || is_stopped(self))
        return false;
    sbx_text_clear(text);
    sbx_terminal_take(self->terminal, text, events, convert(events, records, count));
    return !text->failed && write_all(self->to_command, sbx_text_string(text), text->bytes);
}

static DWORD WINAPI type(void *context)
{
    copying *self = context;
    HANDLE both[] = {self->stop, self->console[0]};
    sbx_text text = {0};

    while (WaitForMultipleObjects(2, both, FALSE, INFINITE) == WAIT_OBJECT_0 + 1 &&
           type_some(self, &text)) {
    }
    sbx_text_done(&text);
    return 0;
}

/* Who gave up the showing has given up no reading: the pseudo console waits for that. */
static bool read_some(HANDLE from, uint8_t *data, size_t room, DWORD *out_got)
{
    for (;;) {
        if (ReadFile(from, data, (DWORD)room, out_got, NULL))
            return true;
        if (GetLastError() != ERROR_OPERATION_ABORTED)
            return false;
    }
}

static DWORD WINAPI show_all(void *context)
{
    copying *self = context;
    uint8_t *data = malloc(PIPE_BYTES);
    size_t kept = 0, whole;
    DWORD got = 0;

    while (data != NULL && read_some(self->from_command, data + kept, PIPE_BYTES - kept, &got)) {
        kept += got;
        whole = sbx_keys_whole(data, kept);
        if (!self->skips)
            (void)show_bytes(self->console[1], data, whole);
        memmove(data, data + whole, kept - whole);
        kept -= whole;
    }
    if (!self->skips && kept > 0)
        (void)show_bytes(self->console[1], data, kept);
    free(data);
    return 0;
}

static DWORD WINAPI close_it(void *context)
{
    copying *self = context;

    pseudo.close(self->ending);
    return 0;
}

static void free_copying(copying *self)
{
    if (self == NULL || self->is_left)
        return;
    close_handle(&self->stop);
    close_handle(&self->typing);
    close_handle(&self->showing);
    close_handle(&self->closing);
    free(self);
}

/* Waits for one thread, which may stand in a call that somebody else has to answer. */
static bool end_thread(HANDLE thread)
{
    for (int i = 0; i < TRIES; i++) {
        if (WaitForSingleObject(thread, TRY_MS) == WAIT_OBJECT_0)
            return true;
        (void)CancelSynchronousIo(thread);
    }
    return false;
}

static sbx_os_code start_copying(sbx_terminal *terminal)
{
    copying *self = calloc(1, sizeof(*self));
    sbx_os_code code = ERROR_NOT_ENOUGH_MEMORY;

    if (self == NULL)
        return code;
    *self = (copying){.terminal = terminal,
                      .console = {terminal->console[0], terminal->console[1]},
                      .to_command = terminal->to_command,
                      .from_command = terminal->from_command,
                      .stop = CreateEventW(NULL, TRUE, FALSE, NULL)};
    if (self->stop != NULL)
        self->typing = CreateThread(NULL, 0, type, self, 0, NULL);
    if (self->typing != NULL)
        self->showing = CreateThread(NULL, 0, show_all, self, 0, NULL);
    if (self->showing != NULL) {
        terminal->copying = self;
        return 0;
    }
    code = GetLastError();
    if (self->typing != NULL) {
        (void)SetEvent(self->stop);
        self->is_left = !end_thread(self->typing);
    }
    free_copying(self);
    return code;
}

/* Keys first: what is typed from now on is the caller's shell's. The input's end before the pseudo console's, which
 * may still be waiting for where the cursor is. */
static void hang_up(sbx_terminal *terminal)
{
    copying *self = terminal->copying;

    if (terminal->to_command == NULL)
        return; /* done before */
    (void)SetEvent(self->stop);
    self->is_left |= !end_thread(self->typing);
    terminal->to_command = NULL;
    close_handle(&self->to_command);
    self->ending = terminal->pseudo;
    terminal->pseudo = NULL;
    if (self->ending == NULL)
        return;
    self->closing = CreateThread(NULL, 0, close_it, self, 0, NULL);
    if (self->closing == NULL) /* the other thread reads meanwhile */
        pseudo.close(self->ending);
}

static bool is_drained(sbx_terminal *terminal, unsigned timeout_ms)
{
    copying *self = terminal->copying;

    if (WaitForSingleObject(self->showing, timeout_ms) != WAIT_OBJECT_0) {
        if (self->skips) /* it may have begun to show while it was told not to */
            (void)CancelSynchronousIo(self->showing);
        return false;
    }
    return self->closing == NULL || WaitForSingleObject(self->closing, timeout_ms) == WAIT_OBJECT_0;
}

/* Who marks text holds a console's output up for as long. */
static void discard(sbx_terminal *terminal)
{
    copying *self = terminal->copying;

    (void)InterlockedExchange(&self->skips, 1);
    (void)CancelSynchronousIo(self->showing);
}

static void stop_copying(sbx_terminal *terminal)
{
    free_copying(terminal->copying);
    terminal->copying = NULL;
}

static void close_one(sbx_handle handle)
{
    CloseHandle(handle);
}

const sbx_terminal_os sbx_terminal_os_real = {
    .read_mode = read_mode,
    .set_mode = set_mode,
    .read_size = read_size,
    .show = show,
    .has_pseudo = has_pseudo,
    .make_pipe = make_pipe,
    .make_pseudo = make_pseudo,
    .resize_pseudo = resize_pseudo,
    .close_pseudo = close_pseudo,
    .start_copying = start_copying,
    .hang_up = hang_up,
    .is_drained = is_drained,
    .discard = discard,
    .stop_copying = stop_copying,
    .close = close_one,
};
