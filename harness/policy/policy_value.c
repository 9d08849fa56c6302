/* The forms that a value in a policy file may have. */
#include <stdio.h>
#include <string.h>

#include "harness/base/path.h"
#include "harness/base/units.h"
#include "harness/policy/policy_keys.h"
#include "harness/policy/policy_read.h"

enum { NAME_BYTES_MAX = 255 };

sbx_status sbx_policy_complain(const sbx_policy_reader *reader, const char *path,
                               const char *problem, const char *detail)
{
    unsigned line = sbx_policy_key_line(reader->text, reader->bytes, path);

    if (line == 0)
        return sbx_fail_plain(reader->err, SBX_INVALID, SBX_STEP_POLICY, "%s: %s: %s%s",
                              reader->where, path, problem, detail);
    return sbx_fail_plain(reader->err, SBX_INVALID, SBX_STEP_POLICY, "%s:%u: %s: %s%s",
                          reader->where, line, path, problem, detail);
}

/* --- lists --- */

typedef sbx_status add_text(const sbx_policy_reader *reader, sbx_strings *list, const char *path,
                            const char *text);

static sbx_status read_list(const sbx_policy_reader *reader, const sbx_policy_member *member,
                            const char *path, const json_t *value, add_text *add)
{
    sbx_strings *list = (sbx_strings *)(void *)((char *)reader->policy + member->field);
    size_t count = json_array_size(value);

    if (!json_is_array(value))
        return sbx_policy_complain(reader, path, "must be a list of strings", "");
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        char element[SBX_POLICY_KEY_PATH_BYTES + 32];
        sbx_status st;

        snprintf(element, sizeof(element), "%s[%zu]", path, i);
        if (text == NULL)
            return sbx_policy_complain(reader, element, "must be a string", "");
        st = add(reader, list, element, text);
        if (st != SBX_OK)
            return st;
    }
    return SBX_OK;
}

static sbx_status add_path(const sbx_policy_reader *reader, sbx_strings *list, const char *path,
                           const char *text)
{
    bool is_of_home = text[0] == '~' && (text[1] == '\0' || text[1] == '/');
    bool is_here = text[0] == '.' && (text[1] == '\0' || text[1] == '/');
    sbx_text clean = {0};
    sbx_status st;

    if (is_of_home)
        return sbx_strings_add(list, text, reader->err);
    if (sbx_path_root_bytes(text) == 0 && !is_here)
        return sbx_policy_complain(reader, path,
                                   "must be an absolute path, or begin with ./ (this file's "
                                   "directory) or ~/ (the caller's home): ",
                                   text);
    st = sbx_path_clean(&clean, reader->base_dir, text, reader->err);
    if (st == SBX_OK)
        st = sbx_strings_add(list, clean.data, reader->err);
    sbx_text_done(&clean);
    return st;
}

static sbx_status add_name(const sbx_policy_reader *reader, sbx_strings *list, const char *path,
                           const char *text)
{
    if (text[0] == '\0' || strchr(text, '/') != NULL || strcmp(text, ".") == 0 ||
        strcmp(text, "..") == 0 || strlen(text) > NAME_BYTES_MAX)
        return sbx_policy_complain(reader, path, "must be a single file name: ", text);
    return sbx_strings_add(list, text, reader->err);
}

static sbx_status add_glob(const sbx_policy_reader *reader, sbx_strings *list, const char *path,
                           const char *text)
{
    if (text[0] == '\0' || strchr(text, '=') != NULL)
        return sbx_policy_complain(reader, path,
                                   "must be a variable's name (* and ? allowed): ", text);
    return sbx_strings_add(list, text, reader->err);
}

sbx_status sbx_policy_read_paths(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                 const char *path, const json_t *value)
{
    return read_list(reader, member, path, value, add_path);
}

sbx_status sbx_policy_read_names(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                 const char *path, const json_t *value)
{
    return read_list(reader, member, path, value, add_name);
}

sbx_status sbx_policy_read_globs(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                 const char *path, const json_t *value)
{
    return read_list(reader, member, path, value, add_glob);
}

sbx_status sbx_policy_read_variables(const sbx_policy_reader *reader,
                                     const sbx_policy_member *member, const char *path,
                                     const json_t *value)
{
    sbx_strings *list = (sbx_strings *)(void *)((char *)reader->policy + member->field);
    const char *name;
    json_t *each;
    sbx_text text = {0};
    sbx_status st = SBX_OK;

    if (!json_is_object(value))
        return sbx_policy_complain(reader, path, "must be an object of NAME: \"value\"", "");
    json_object_foreach((json_t *)(uintptr_t)value, name, each)
    {
        sbx_text_clear(&text);
        sbx_text_add(&text, name);
        if (name[0] == '\0' || strchr(name, '=') != NULL) {
            st = sbx_policy_complain(reader, path, "not a variable's name: ", name);
        } else if (json_is_string(each)) {
            sbx_text_add(&text, "=");
            sbx_text_add(&text, json_string_value(each));
        } else if (!json_is_null(each)) {
            st = sbx_policy_complain(
                reader, path, "must be a string, or null for the caller's own value: ", name);
        }
        if (st == SBX_OK)
            st = sbx_text_check(&text, reader->err);
        if (st == SBX_OK)
            st = sbx_strings_add(list, sbx_text_string(&text), reader->err);
        if (st != SBX_OK)
            break;
    }
    sbx_text_done(&text);
    return st;
}

/* --- limits --- */

enum { NUMBER_BYTES = 32 };

/* A number in JSON is read by the same rules as the same number in quotes. */
static sbx_status number_text(const char **out, char room[NUMBER_BYTES],
                              const sbx_policy_reader *reader, const char *path,
                              const json_t *value, bool takes_fractions)
{
    *out = json_string_value(value);
    if (*out != NULL)
        return SBX_OK;
    *out = room;
    if (json_is_integer(value)) {
        snprintf(room, NUMBER_BYTES, "%lld", (long long)json_integer_value(value));
        return SBX_OK;
    }
    if (json_is_real(value) && takes_fractions) {
        double number = json_real_value(value);
        size_t bytes;

        if (number < 0 || number > 1e9)
            return sbx_policy_complain(reader, path, "is out of range", "");
        bytes = (size_t)snprintf(room, NUMBER_BYTES, "%.6f", number);
        while (room[bytes - 1] == '0')
            room[--bytes] = '\0';
        if (room[bytes - 1] == '.')
            room[bytes - 1] = '\0';
        return SBX_OK;
    }
    return sbx_policy_complain(reader, path,
                               takes_fractions ? "must be a number or a string"
                                               : "must be a whole number or a string",
                               "");
}

typedef sbx_status parse_quantity(uint64_t *out, const char *option, const char *text,
                                  sbx_error *err);

static sbx_status read_quantity(uint64_t *out, const sbx_policy_reader *reader, const char *path,
                                const json_t *value, parse_quantity *parse)
{
    char room[NUMBER_BYTES];
    const char *text;
    sbx_status st = number_text(&text, room, reader, path, value, parse == sbx_parse_cpus);

    if (st != SBX_OK)
        return st;
    st = parse(out, path, text, reader->err);
    if (st != SBX_OK && reader->err != NULL) {
        unsigned line = sbx_policy_key_line(reader->text, reader->bytes, path);

        reader->err->step = SBX_STEP_POLICY;
        if (line > 0)
            sbx_error_context(reader->err, "%s:%u", reader->where, line);
        else
            sbx_error_context(reader->err, "%s", reader->where);
    }
    return st;
}

sbx_status sbx_policy_read_size(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                const char *path, const json_t *value)
{
    return read_quantity(&reader->policy->limits.value[member->field], reader, path, value,
                         sbx_parse_size);
}

sbx_status sbx_policy_read_duration(const sbx_policy_reader *reader,
                                    const sbx_policy_member *member, const char *path,
                                    const json_t *value)
{
    return read_quantity(&reader->policy->limits.value[member->field], reader, path, value,
                         sbx_parse_duration);
}

sbx_status sbx_policy_read_count(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                 const char *path, const json_t *value)
{
    return read_quantity(&reader->policy->limits.value[member->field], reader, path, value,
                         sbx_parse_count);
}

sbx_status sbx_policy_read_cpus(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                const char *path, const json_t *value)
{
    return read_quantity(&reader->policy->limits.value[member->field], reader, path, value,
                         sbx_parse_cpus);
}

sbx_status sbx_policy_read_grace(const sbx_policy_reader *reader, const sbx_policy_member *member,
                                 const char *path, const json_t *value)
{
    (void)member;
    return read_quantity(&reader->policy->limits.grace_ns, reader, path, value, sbx_parse_duration);
}

sbx_status sbx_policy_read_memory_action(const sbx_policy_reader *reader,
                                         const sbx_policy_member *member, const char *path,
                                         const json_t *value)
{
    const char *word = json_string_value(value);

    (void)member;
    if (word == NULL || (strcmp(word, "kill") != 0 && strcmp(word, "fail") != 0))
        return sbx_policy_complain(reader, path, "must be \"kill\" or \"fail\"", "");
    reader->policy->limits.memory_fails = strcmp(word, "fail") == 0;
    return SBX_OK;
}
