/* See redaction_file.h. */
#include "harness/policy/redaction_file.h"

#include <stdio.h>
#include <string.h>

#include "harness/base/json_read.h"
#include "harness/policy/parts.h"
#include "harness/policy/policy_read.h"

static sbx_status read_list(const sbx_policy_reader *reader, sbx_strings *list, const char *key,
                            const json_t *value)
{
    size_t count = json_array_size(value);
    sbx_status st = SBX_OK;

    if (!json_is_array(value))
        return sbx_policy_complain(reader, key, "must be a list of strings", "");
    for (size_t i = 0; st == SBX_OK && i < count; i++) {
        const char *text = json_string_value(json_array_get(value, i));

        st = text == NULL ? sbx_policy_complain(reader, key, "must be a list of strings", "")
                          : sbx_strings_add(list, text, reader->err);
    }
    return st;
}

static sbx_status read_member(sbx_redaction_file *out, const sbx_policy_reader *reader,
                              const char *key, const json_t *value)
{
    if (strcmp(key, "names") == 0)
        return read_list(reader, &out->names, key, value);
    if (strcmp(key, "words") == 0)
        return read_list(reader, &out->words, key, value);
    if (strcmp(key, "version") == 0)
        return json_is_integer(value) && json_integer_value(value) == 1
                   ? SBX_OK
                   : sbx_policy_complain(reader, key, "must be 1, which is all that this sbx reads",
                                         "");
    if (strcmp(key, "without_built_in_patterns") != 0)
        return sbx_policy_complain(
            reader, key,
            "unknown key (there are version, names, words and without_built_in_patterns)", "");
    if (!json_is_boolean(value))
        return sbx_policy_complain(reader, key, "must be true or false", "");
    out->without_built_in = json_is_true(value);
    return SBX_OK;
}

static sbx_status read_root(sbx_redaction_file *out, const sbx_policy_reader *reader, json_t *root)
{
    const char *key;
    json_t *value;
    sbx_status st = SBX_OK;

    if (!json_is_object(root))
        return sbx_fail_plain(reader->err, SBX_INVALID, SBX_STEP_OPTIONS, "%s: must be an object",
                              reader->where);
    if (json_object_get(root, "version") == NULL)
        return sbx_policy_complain(reader, "version", "is missing (this sbx reads version 1)", "");
    json_object_foreach(root, key, value)
    {
        st = read_member(out, reader, key, value);
        if (st != SBX_OK)
            break;
    }
    return st;
}

static sbx_status parse(sbx_redaction_file *out, const sbx_text *text, const char *path,
                        sbx_error *err)
{
    const sbx_policy_reader reader = {
        .text = sbx_text_string(text), .bytes = text->bytes, .where = path, .err = err};
    json_error_t problem;
    json_t *root = sbx_json_read(reader.text, text->bytes, JSON_REJECT_DUPLICATES, &problem);
    sbx_status st;

    if (root == NULL)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_OPTIONS, "%s:%d: %s", path, problem.line,
                              problem.text);
    st = read_root(out, &reader, root);
    json_decref(root);
    return st;
}

sbx_status sbx_redaction_file_read(sbx_redaction_file *out, bool *out_exists, const char *path,
                                   sbx_error *err)
{
    sbx_text text = {0}, directory = {0};
    sbx_error own = {0};
    sbx_status st = sbx_policy_file_get(&text, &directory, path, &own);
    bool is_missing = st == SBX_INVALID && own.os_domain != SBX_OS_NONE;

    *out = (sbx_redaction_file){0};
    if (out_exists != NULL)
        *out_exists = !is_missing;
    if (out_exists != NULL && is_missing)
        st = SBX_OK;
    else if (st == SBX_OK)
        st = parse(out, &text, path, &own);
    if (st != SBX_OK) {
        sbx_redaction_file_done(out);
        own.step = SBX_STEP_OPTIONS; /* it is no policy */
        sbx_error_context(&own, "the patterns for secrets");
        if (err != NULL)
            *err = own;
    }
    sbx_text_done(&text);
    sbx_text_done(&directory);
    return st;
}

void sbx_redaction_file_done(sbx_redaction_file *file)
{
    sbx_strings_done(&file->names);
    sbx_strings_done(&file->words);
}
