/* From what was seen to what is said. Rules in the order of verdict.h. */
#include "harness/runner/verdict.h"

/* Linux's numbers on every machine that sbx is built for; a Windows run has no signals. */
enum { CPU_TIME_SIGNAL = 24, FILE_SIZE_SIGNAL = 25 };

enum {
    EXIT_TIME_LIMIT = 124,
    EXIT_SBX = 125,
    EXIT_NOT_EXECUTABLE = 126,
    EXIT_NOT_FOUND = 127,
    EXIT_SIGNAL_BASE = 128,
    EXIT_LIMIT = 137,
};

const char *sbx_outcome_word(sbx_outcome outcome)
{
    static const char *const words[] = {
        [SBX_OUTCOME_OK] = "ok",           [SBX_OUTCOME_NONZERO] = "nonzero",
        [SBX_OUTCOME_SIGNAL] = "signal",   [SBX_OUTCOME_LIMIT] = "limit",
        [SBX_OUTCOME_REFUSED] = "refused", [SBX_OUTCOME_ERROR] = "error",
        [SBX_OUTCOME_LOST] = "lost",
    };
    return (size_t)outcome < SBX_COUNT_OF(words) ? words[outcome] : "unknown";
}

/* 1. The exec's own failures are errors too, with exit codes that shells made known. */
static bool judge_sbx(sbx_verdict *out, const sbx_events *events)
{
    sbx_status status = events->has_error ? events->error.status : SBX_OK;

    out->outcome = SBX_OUTCOME_ERROR;
    out->exit_code = EXIT_SBX;
    if (events->not_found || status == SBX_NOT_FOUND) {
        out->reason = "not_found";
        out->exit_code = EXIT_NOT_FOUND;
    } else if (events->not_executable || status == SBX_NOT_EXECUTABLE) {
        out->reason = "not_executable";
        out->exit_code = EXIT_NOT_EXECUTABLE;
    } else if (events->has_error) {
        out->reason = sbx_step_word(events->error.step);
        if (status == SBX_REFUSED || status == SBX_INVALID)
            out->outcome = SBX_OUTCOME_REFUSED;
    } else {
        return false;
    }
    return true;
}

static void say_limit(sbx_verdict *out, sbx_limit_kind kind)
{
    bool is_time = kind == SBX_LIMIT_WALL || kind == SBX_LIMIT_IDLE || kind == SBX_LIMIT_CPU;

    out->outcome = SBX_OUTCOME_LIMIT;
    out->reason = sbx_limit_word(kind);
    out->exit_code = is_time ? EXIT_TIME_LIMIT : EXIT_LIMIT;
}

/* 2 and 3: what the runner or the kernel stopped. */
static bool judge_stopped(sbx_verdict *out, const sbx_events *events)
{
    for (int kind = 0; kind < SBX_LIMIT_COUNT; kind++) {
        if (events->killed_for[kind]) {
            say_limit(out, (sbx_limit_kind)kind);
            return true;
        }
    }
    if (events->reached[SBX_LIMIT_MEMORY] && !(events->has_exit && events->exit_code == 0)) {
        say_limit(out, SBX_LIMIT_MEMORY);
        return true;
    }
    return false;
}

/* 5. The two signals that only a limit sends. */
static bool judge_limit_signal(sbx_verdict *out, const sbx_events *events)
{
    if (!events->has_signal)
        return false;
    if (events->signal == FILE_SIZE_SIGNAL)
        say_limit(out, SBX_LIMIT_FILE_SIZE);
    else if (events->signal == CPU_TIME_SIGNAL && events->reached[SBX_LIMIT_CPU])
        say_limit(out, SBX_LIMIT_CPU);
    else
        return false;
    return true;
}

/* 7 and 8: how the command ended by itself. */
static void judge_end(sbx_verdict *out, const sbx_events *events)
{
    if (events->has_signal) {
        out->outcome = SBX_OUTCOME_SIGNAL;
        out->exit_code = EXIT_SIGNAL_BASE + events->signal;
    } else if (events->has_exit) {
        out->outcome = events->exit_code == 0 ? SBX_OUTCOME_OK : SBX_OUTCOME_NONZERO;
        out->exit_code = events->exit_code;
    } else { /* no end was seen at all */
        out->outcome = SBX_OUTCOME_ERROR;
        out->reason = sbx_step_word(SBX_STEP_WATCH);
        out->exit_code = EXIT_SBX;
    }
}

/* 6. Laid over an end that was no success: the command keeps its exit code, and we say why. */
static void explain_failure(sbx_verdict *out, const sbx_events *events)
{
    static const sbx_limit_kind kinds[] = {SBX_LIMIT_PROCESSES, SBX_LIMIT_FILE_SIZE,
                                           SBX_LIMIT_FILES};

    if (out->outcome != SBX_OUTCOME_NONZERO && out->outcome != SBX_OUTCOME_SIGNAL)
        return;
    for (size_t i = 0; i < SBX_COUNT_OF(kinds); i++) {
        if (events->reached[kinds[i]]) {
            out->outcome = SBX_OUTCOME_LIMIT;
            out->reason = sbx_limit_word(kinds[i]);
            return;
        }
    }
}

sbx_verdict sbx_verdict_of(const sbx_events *events)
{
    sbx_verdict verdict = {.reason = "", .signal = events->has_signal ? events->signal : 0};

    if (judge_sbx(&verdict, events) || judge_stopped(&verdict, events))
        return verdict;
    if (events->cancelled_by != 0) {
        verdict.outcome = SBX_OUTCOME_SIGNAL;
        verdict.reason = "cancelled";
        verdict.signal = events->cancelled_by;
        verdict.exit_code = EXIT_SIGNAL_BASE + events->cancelled_by;
        return verdict;
    }
    if (judge_limit_signal(&verdict, events))
        return verdict;
    judge_end(&verdict, events);
    explain_failure(&verdict, events);
    return verdict;
}
