/* What the console sends. Its handler runs in a thread of the system's: it notes, posts, and that is all. */
#include "harness/runner/windows/signals.h"

#include "harness/base/windows/wide.h"

enum { INT_NUMBER = 2, HUP_NUMBER = 1, QUEUE_MAX = 16, LAST_WORDS_MS = 10000 };

static SRWLOCK lock = SRWLOCK_INIT;
static int queue[QUEUE_MAX];
static size_t queued;
static bool has_come;
static HANDLE told;

void sbx_signals_send(int number)
{
    AcquireSRWLockExclusive(&lock);
    if (queued < QUEUE_MAX)
        queue[queued++] = number;
    has_come = true;
    if (told != NULL)
        (void)PostQueuedCompletionStatus(told, 0, SBX_PORT_SIGNAL_KEY, NULL);
    ReleaseSRWLockExclusive(&lock);
}

static BOOL WINAPI note(DWORD event)
{
    int number = event == CTRL_C_EVENT       ? INT_NUMBER
                 : event == CTRL_BREAK_EVENT ? SBX_SIGNAL_TERM
                                             : HUP_NUMBER;

    sbx_signals_send(number);
    if (number == HUP_NUMBER)
        Sleep(
            LAST_WORDS_MS); /* the system ends us when this returns: the job is taken down meanwhile */
    return TRUE;
}

sbx_status sbx_signals_take(sbx_error *err)
{
    if (!SetConsoleCtrlHandler(note, TRUE))
        return sbx_fail_win32(err, SBX_IO, SBX_STEP_SPAWN, GetLastError(),
                              "take over what the console sends");
    return SBX_OK;
}

void sbx_signals_give_back(void)
{
    sbx_signals_post_to(NULL);
    (void)SetConsoleCtrlHandler(note, FALSE);
    queued = 0;
    has_come = false;
}

void sbx_signals_post_to(HANDLE port)
{
    AcquireSRWLockExclusive(&lock);
    told = port;
    if (port != NULL && queued > 0) /* one that was faster than the port */
        (void)PostQueuedCompletionStatus(port, 0, SBX_PORT_SIGNAL_KEY, NULL);
    ReleaseSRWLockExclusive(&lock);
}

int sbx_signals_next(void)
{
    int number = 0;

    AcquireSRWLockExclusive(&lock);
    if (queued > 0) {
        number = queue[0];
        queued--;
        for (size_t i = 0; i < queued; i++)
            queue[i] = queue[i + 1];
    }
    ReleaseSRWLockExclusive(&lock);
    return number;
}

const bool *sbx_signals_came(void)
{
    return &has_come;
}
