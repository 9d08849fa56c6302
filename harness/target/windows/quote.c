/* See quote.h. The rules of splitting: Microsoft, "Parsing C command-line arguments" and CommandLineToArgvW(). */
#include "harness/target/windows/quote.h"

#include <string.h>

enum { BATCH_UNITS_MAX = 8191 };

static void add_times(sbx_text *out, const char *what, size_t times)
{
    while (times-- > 0)
        sbx_text_add(out, what);
}

static sbx_status check_length(const sbx_text *line, size_t units_max, const char *name,
                               sbx_error *err)
{
    sbx_status st = sbx_text_check(line, err);
    size_t units = 1; /* the end */

    if (st != SBX_OK)
        return st;
    for (size_t i = 0; i < line->bytes; i++) {
        unsigned char byte = (unsigned char)line->data[i];

        units += (byte & 0xC0) != 0x80;
        units += byte >= 0xF0; /* a pair */
    }
    if (units <= units_max)
        return SBX_OK;
    return sbx_fail_plain(err, SBX_NOT_EXECUTABLE, SBX_STEP_EXEC,
                          "run %s: the arguments are %zu characters long, and this system takes at "
                          "most %zu",
                          name, units, units_max);
}

/* Backslashes count only before a double quote: there, and before the closing one, they are doubled. */
static void add_quoted(sbx_text *out, const char *argument)
{
    size_t backslashes = 0;

    sbx_text_add(out, "\"");
    for (const char *at = argument; *at != '\0'; at++) {
        if (*at == '"')
            add_times(out, "\\", backslashes + 1);
        backslashes = *at == '\\' ? backslashes + 1 : 0;
        sbx_text_add_bytes(out, at, 1);
    }
    add_times(out, "\\", backslashes);
    sbx_text_add(out, "\"");
}

/* The first word ends at a blank, or where it is quoted at the next quote; backslashes are plain in it. */
static sbx_status add_name(sbx_text *out, const char *name, sbx_error *err)
{
    if (strchr(name, '"') != NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_EXEC,
                              "%s: a program's name cannot hold a double quote", name);
    sbx_text_add(out, "\"");
    sbx_text_add(out, name);
    sbx_text_add(out, "\"");
    return SBX_OK;
}

sbx_status sbx_quote_program(sbx_text *out, const char *const *argv, sbx_error *err)
{
    sbx_status st = add_name(out, argv[0], err);

    if (st != SBX_OK)
        return st;
    for (size_t i = 1; argv[i] != NULL; i++) {
        sbx_text_add(out, " ");
        if (argv[i][0] != '\0' && strpbrk(argv[i], " \t\n\v\"") == NULL)
            sbx_text_add(out, argv[i]);
        else
            add_quoted(out, argv[i]);
    }
    return check_length(out, SBX_COMMAND_LINE_UNITS_MAX, argv[0], err);
}

/* What is left is plain for the interpreter between double quotes: it has no other way to end them. */
static bool is_plain_for_interpreter(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F || *text == '"' || *text == '%')
            return false;
    return true;
}

static sbx_status refuse(const char *script, sbx_error *err)
{
    const char *slash = strrchr(script, '\\');

    return sbx_fail_plain(
        err, SBX_INVALID, SBX_STEP_EXEC,
        "%s is a batch file, and an argument with a double quote, a percent sign or a control "
        "character could be read as a command by the interpreter that runs it: start the program "
        "that it starts, or take those characters out",
        slash == NULL ? script : slash + 1);
}

sbx_status sbx_quote_batch(sbx_text *out, const char *interpreter, const char *script,
                           const char *const *arguments, sbx_error *err)
{
    size_t bytes = strlen(script);
    sbx_status st;

    if (!is_plain_for_interpreter(script) || bytes == 0 || script[bytes - 1] == '\\')
        return refuse(script, err);
    if ((st = add_name(out, interpreter, err)) != SBX_OK)
        return st;
    /* Extensions on, delayed expansion and what the registry would run first off. */
    sbx_text_add(out, " /e:ON /v:OFF /d /c \"\"");
    sbx_text_add(out, script);
    sbx_text_add(out, "\"");
    for (size_t i = 0; arguments[i] != NULL; i++) {
        if (!is_plain_for_interpreter(arguments[i]))
            return refuse(script, err);
        sbx_text_add(out, " ");
        add_quoted(out, arguments[i]);
    }
    sbx_text_add(out, "\"");
    return check_length(out, BATCH_UNITS_MAX, script, err);
}

bool sbx_quote_is_batch(const char *path)
{
    size_t bytes = strlen(path);
    char end[5] = "";

    while (bytes > 0 && (path[bytes - 1] == ' ' || path[bytes - 1] == '.'))
        bytes--; /* as the system does when it opens the file */
    if (bytes < 4)
        return false;
    for (size_t i = 0; i < 4; i++) {
        char c = path[bytes - 4 + i];

        end[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return strcmp(end, ".bat") == 0 || strcmp(end, ".cmd") == 0;
}
