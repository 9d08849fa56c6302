/* Errors and remarks as lines on stderr. */
#include "harness/cli/message.h"

#include <string.h>

#include "harness/cli/caller.h"
#include "harness/cli/command.h"

/* What usually helps where the message itself names no fix. The first row that fits is taken. */
static const struct {
    sbx_status status;
    sbx_step step; /* NONE: any */
    const char *hint;
} usual_hints[] = {
    {SBX_BUSY, SBX_STEP_AUDIT,
     "another process holds the database; try again, or use a database of your own with "
     "--audit-db"},
    {SBX_CORRUPT, SBX_STEP_AUDIT,
     "move the file away and a new database is made, or name another with --audit-db"},
    {SBX_REFUSED, SBX_STEP_AUDIT,
     "use another database with --audit-db, or a newer " SBX_PROGRAM_NAME},
    {SBX_IO, SBX_STEP_AUDIT,
     "use another database with --audit-db, or run without a record with --audit best-effort"},
    {SBX_INVALID, SBX_STEP_POLICY, "the form of a policy file is in sbx-policy(5)"},
    {SBX_REFUSED, SBX_STEP_NONE,
     "`" SBX_PROGRAM_NAME " doctor` says what this host can enforce; --allow-degraded runs without "
     "what is missing and records that"},
};

static const char *usual_hint(const sbx_error *error)
{
    for (size_t i = 0; i < SBX_COUNT_OF(usual_hints); i++) {
        if (usual_hints[i].status == error->status &&
            (usual_hints[i].step == SBX_STEP_NONE || usual_hints[i].step == error->step)) {
            return usual_hints[i].hint;
        }
    }
    return NULL;
}

static const char dash[] = " — ";

/* The last " — " of a message, or NULL. */
static const char *find_fix(const char *message)
{
    const char *found = NULL;

    for (const char *at = strstr(message, dash); at != NULL; at = strstr(at + 1, dash)) {
        found = at;
    }
    return found;
}

/* Where the system's own words start, which sbx_fail puts behind everything; the end where none are. */
static const char *find_system_text(const sbx_error *error)
{
    const char *end = error->message + strlen(error->message);
    const char *text =
        error->os_domain == SBX_OS_NONE ? "" : sbx_os_text(error->os_domain, error->os_code);
    size_t bytes = strlen(text);

    if (bytes == 0 || (size_t)(end - error->message) < bytes + 2 ||
        strcmp(end - bytes, text) != 0 || memcmp(end - bytes - 2, ": ", 2) != 0) {
        return end;
    }
    return end - bytes - 2;
}

void sbx_message_format(sbx_text *out, const char *what, const sbx_error *error)
{
    const char *message = error->message;
    const char *system = find_system_text(error);
    const char *fix = find_fix(message);
    const char *hint = NULL;

    if (fix == NULL || fix >= system) {
        fix = system;
        hint = usual_hint(error);
    }
    sbx_text_add(out, SBX_PROGRAM_NAME ": ");
    if (what != NULL) {
        sbx_text_add(out, what);
        sbx_text_add(out, ": ");
    }
    if (message[0] == '\0') {
        sbx_text_add(out, sbx_status_word(error->status));
    }
    sbx_text_add_escaped(out, message, (size_t)(fix - message));
    sbx_text_add_escaped(out, system, strlen(system));
    sbx_text_add(out, "\n");
    if (fix != system) {
        fix += sizeof(dash) - 1;
        sbx_text_add(out, "hint: ");
        sbx_text_add_escaped(out, fix, (size_t)(system - fix));
        sbx_text_add(out, "\n");
    } else if (hint != NULL) {
        sbx_text_add_format(out, "hint: %s\n", hint);
    }
}

/* Where there is no memory to make it readable: what a terminal could obey is left out, and so is the end of a long one. */
static void write_plain(const char *text)
{
    char line[512] = SBX_PROGRAM_NAME ": ";
    size_t bytes = strlen(line);

    for (; *text != '\0' && bytes + 1 < sizeof(line); text++) {
        line[bytes++] = *text;
        if (*text < ' ' || *text > '~') {
            line[bytes - 1] = '?';
        }
    }
    line[bytes++] = '\n';
    (void)!sbx_caller_write(2, line, bytes, NULL);
}

void sbx_message_write(const sbx_text *text)
{
    /* Nobody is left to hear that stderr cannot be written to. */
    (void)!sbx_caller_write(2, sbx_text_string(text), text->bytes, NULL);
    if (text->failed) {
        write_plain("there was no memory to say all of it");
    }
}

void sbx_message(const char *text)
{
    sbx_text line = {0};

    sbx_text_add(&line, SBX_PROGRAM_NAME ": ");
    sbx_text_add_escaped(&line, text, strlen(text));
    sbx_text_add(&line, "\n");
    if (line.failed) {
        write_plain(text);
    } else {
        sbx_message_write(&line);
    }
    sbx_text_done(&line);
}

void sbx_message_error(const char *what, const sbx_error *error)
{
    sbx_text lines = {0};

    sbx_message_format(&lines, what, error);
    if (lines.failed) {
        write_plain(error->message[0] == '\0' ? sbx_status_word(error->status) : error->message);
    } else {
        sbx_message_write(&lines);
    }
    sbx_text_done(&lines);
}

int sbx_message_print(const sbx_text *text)
{
    sbx_error err = {0};

    if (sbx_text_check(text, &err) != SBX_OK ||
        sbx_caller_write(1, sbx_text_string(text), text->bytes, &err) != SBX_OK) {
        sbx_message_error(NULL, &err);
        return SBX_EXIT_FAILED;
    }
    return SBX_EXIT_DONE;
}
