/* Options and commands as JSON. A small writer of its own: the library needs nothing but the C library. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/embed/parts.h"

int sbx_embed_fail(sbx_error *error, int code, int os_code, const char *format, ...)
{
    va_list args;
    size_t used;

    if (error == NULL)
        return code;
    error->code = code;
    error->os_code = os_code;
    va_start(args, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, args);
    va_end(args);
    used = strlen(error->message);
    if (os_code != 0)
        (void)snprintf(error->message + used, sizeof(error->message) - used, ": %s",
                       strerrordesc_np(os_code));
    return code;
}

/* --- JSON --- */

typedef struct json_text {
    char *data;
    size_t bytes, room;
    bool failed, needs_comma;
} json_text;

static void put(json_text *out, const char *text, size_t bytes)
{
    if (out->failed)
        return;
    if (out->bytes + bytes + 1 > out->room) {
        size_t room = (out->room + bytes + 64) * 2;
        char *grown = realloc(out->data, room);

        out->failed = grown == NULL;
        if (grown == NULL)
            return;
        out->data = grown;
        out->room = room;
    }
    memcpy(out->data + out->bytes, text, bytes);
    out->bytes += bytes;
    out->data[out->bytes] = '\0';
}

static void put_word(json_text *out, const char *text)
{
    put(out, text, strlen(text));
}

static void put_quoted(json_text *out, const char *text, size_t bytes)
{
    put_word(out, "\"");
    for (size_t i = 0; i < bytes; i++) {
        char escape[8];

        if ((unsigned char)text[i] < 0x20 || text[i] == '"' || text[i] == '\\') {
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned)(unsigned char)text[i]);
            put_word(out, escape);
        } else {
            put(out, text + i, 1);
        }
    }
    put_word(out, "\"");
}

static void put_key(json_text *out, const char *key)
{
    put_word(out, out->needs_comma ? "," : "");
    out->needs_comma = true;
    if (key != NULL) {
        put_quoted(out, key, strlen(key));
        put_word(out, ":");
    }
}

static void put_string(json_text *out, const char *key, const char *value)
{
    if (value == NULL)
        return;
    put_key(out, key);
    put_quoted(out, value, strlen(value));
}

static void open_with(json_text *out, const char *key, const char *bracket)
{
    if (key != NULL)
        put_key(out, key);
    put_word(out, bracket);
    out->needs_comma = false;
}

static void close_with(json_text *out, const char *bracket)
{
    put_word(out, bracket);
    out->needs_comma = true;
}

static void put_number(json_text *out, const char *key, uint64_t value)
{
    char digits[32];

    (void)snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);
    put_key(out, key);
    put_word(out, digits);
}

static void put_list(json_text *out, const char *key, const char *const *words)
{
    if (words == NULL)
        return;
    open_with(out, key, "[");
    for (; *words != NULL; words++)
        put_string(out, NULL, *words);
    close_with(out, "]");
}

/* NAME=VALUE words as an object; a word without '=' is a name with the value "". */
static void put_pairs(json_text *out, const char *key, const char *const *words)
{
    if (words == NULL)
        return;
    open_with(out, key, "{");
    for (; *words != NULL; words++) {
        size_t name = strcspn(*words, "=");

        put_word(out, out->needs_comma ? "," : "");
        put_quoted(out, *words, name);
        put_word(out, ":");
        put_quoted(out, *words + name + ((*words)[name] == '='),
                   strlen(*words) - name - ((*words)[name] == '='));
        out->needs_comma = true;
    }
    close_with(out, "}");
}

/* A limit with its unit, which the policy's reader knows. */
static void put_limit(json_text *out, const char *key, uint64_t value, const char *unit)
{
    char text[40];

    if (value == 0)
        return;
    (void)snprintf(text, sizeof(text), "%llu%s", (unsigned long long)value, unit);
    put_string(out, key, text);
}

static char *finish(json_text *out)
{
    if (!out->failed)
        return out->data;
    free(out->data);
    return NULL;
}

/* --- what is asked for --- */

char *sbx_embed_options_text(const sbx_options *options)
{
    json_text out = {0};

    open_with(&out, NULL, "{");
    put_string(&out, "audit_db", options->audit_db);
    put_string(&out, "session", options->session);
    put_string(&out, "agent", options->agent);
    put_number(&out, "jobs", options->jobs);
    put_number(&out, "flags", options->flags);
    close_with(&out, "}");
    return finish(&out);
}

/* A name or a file; where roots or the network are said beside it, a policy that extends it. */
static void put_policy(json_text *out, const sbx_command *command, const char *usual)
{
    const char *policy = command->policy != NULL ? command->policy : usual;

    if (command->write == NULL && command->read == NULL && command->network == NULL) {
        put_string(out, "policy", policy);
        return;
    }
    open_with(out, "policy", "{");
    put_number(out, "version", 1);
    put_string(out, "extends", policy);
    put_string(out, "network", command->network);
    open_with(out, "filesystem", "{");
    put_list(out, "read", command->read);
    put_list(out, "write", command->write);
    close_with(out, "}");
    close_with(out, "}");
}

static void put_cpus(json_text *out, uint64_t milli)
{
    char text[40];

    if (milli == 0)
        return;
    (void)snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(milli / 1000),
                   (unsigned)(milli % 1000));
    put_string(out, "cpus", text);
}

char *sbx_embed_command_text(const sbx_command *command, const char *usual_policy)
{
    json_text out = {0};

    open_with(&out, NULL, "{");
    put_list(&out, "argv", command->argv);
    put_string(&out, "cwd", command->cwd);
    put_policy(&out, command, usual_policy);
    put_pairs(&out, "env", command->env);
    put_pairs(&out, "labels", command->labels);
    open_with(&out, "limits", "{");
    put_limit(&out, "memory", command->memory_bytes, "");
    put_limit(&out, "wall", command->wall_ms, "ms");
    put_limit(&out, "cpu", command->cpu_ms, "ms");
    put_limit(&out, "idle", command->idle_ms, "ms");
    put_limit(&out, "procs", command->processes, "");
    put_limit(&out, "output", command->output_bytes, "");
    put_limit(&out, "fsize", command->file_bytes, "");
    put_cpus(&out, command->cpus_milli);
    close_with(&out, "}");
    close_with(&out, "}");
    return finish(&out);
}
