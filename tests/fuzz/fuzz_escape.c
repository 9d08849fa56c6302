/*
 * Texts that programs under audit chose, on their way out: terminal, table, CSV, JSON, messages, the report's strings.
 * No control character and no broken UTF-8 comes through, a record stays one record, JSON says the same bytes.
 */
#include <jansson.h>

#include "audit/redact.h"
#include "audit/report_strings.h"
#include "harness/cli/csv.h"
#include "harness/cli/message.h"
#include "harness/cli/table.h"
#include "tests/fuzz/fuzz.h"

/* breaks: how many line feeds (and carriage returns in front of them) belong to the form. */
static void check_safe(const sbx_text *text, size_t breaks)
{
    size_t seen = 0;

    SBX_FUZZ_MUST(!text->failed);
    for (size_t at = 0; at < text->bytes;) {
        uint32_t code = 0;
        size_t bytes = sbx_utf8_decode(&code, text->data + at, text->bytes - at);

        SBX_FUZZ_MUST(bytes > 0);
        if (code == '\n')
            seen++;
        else if (code != '\r' || at + 1 >= text->bytes || text->data[at + 1] != '\n')
            SBX_FUZZ_MUST(!sbx_utf8_is_unsafe(code));
        at += bytes;
    }
    SBX_FUZZ_MUST(seen <= breaks);
}

static void check_people(const uint8_t *data, size_t size)
{
    const sbx_column columns[2] = {{"one", "ONE", SBX_CELL_TEXT}, {"two", "TWO", SBX_CELL_TEXT}};
    const sbx_cell cells[2] = {{.text = (const char *)data, .text_bytes = size},
                               {.text = (const char *)data, .text_bytes = size / 2}};
    const sbx_screen screen = {.is_terminal = size % 2, .columns = 20 + (unsigned)(size % 100)};
    sbx_text out = {0};
    sbx_table table;
    sbx_error err = {0};

    sbx_text_add_escaped(&out, (const char *)data, size);
    check_safe(&out, 0);
    sbx_text_clear(&out);
    sbx_table_init(&table, columns, 2);
    sbx_table_add(&table, cells);
    SBX_FUZZ_MUST(sbx_table_render(&out, &table, &screen, &err) == SBX_OK);
    check_safe(&out, 2);
    sbx_text_clear(&out);
    sbx_table_render_record(&out, columns, 2, cells, &screen);
    check_safe(&out, 2);
    sbx_text_clear(&out);
    sbx_csv_row(&out, columns, 2, cells);
    check_safe(&out, 1);
    sbx_table_done(&table);
    sbx_text_done(&out);
}

static void check_message(const char *text)
{
    sbx_error error = {.status = SBX_INVALID};
    sbx_text out = {0};

    snprintf(error.message, sizeof(error.message), "%s", text);
    sbx_message_format(&out, "what", &error);
    check_safe(&out, 2);
    sbx_text_done(&out);
}

static json_t *parse(const sbx_text *text)
{
    json_t *value = json_loadb(text->data, text->bytes, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    SBX_FUZZ_MUST(value != NULL);
    return value;
}

static void check_json(const uint8_t *data, size_t size)
{
    sbx_text out = {0};
    sbx_json json;
    json_t *value;

    sbx_json_init(&json, &out);
    sbx_json_bytes(&json, NULL, (const char *)data, size);
    value = parse(&out);
    if (sbx_utf8_is_valid((const char *)data, size))
        SBX_FUZZ_MUST(json_string_length(value) == size &&
                      memcmp(json_string_value(value), data, size) == 0);
    json_decref(value);
    sbx_text_done(&out);
}

static void check_report(const uint8_t *data, size_t size)
{
    sbx_report_strings strings = {0};
    sbx_text out = {0};
    bool is_new = false;
    uint32_t number = sbx_report_string_number(&is_new, &strings, data, size);
    json_t *value;

    SBX_FUZZ_MUST(is_new && sbx_report_string_number(&is_new, &strings, data, size) == number);
    SBX_FUZZ_MUST(!is_new);
    sbx_report_strings_write(&out, &strings);
    value = parse(&out);
    SBX_FUZZ_MUST(json_array_size(value) == strings.count);
    json_decref(value);
    sbx_text_done(&out);
    sbx_report_strings_done(&strings);
}

static void check_redacted(const char *text, size_t size)
{
    const char *const words[] = {text, "--password", text, NULL};
    sbx_redactor state = {0};
    sbx_text out = {0}, hex = {0}, again = {0};
    json_t *value;

    sbx_redact_argument(&out, &state, text, size);
    SBX_FUZZ_MUST(!out.failed);
    sbx_text_clear(&out);
    sbx_redact_argv(&out, &hex, words);
    value = parse(&out);
    SBX_FUZZ_MUST(json_array_size(value) == 3);
    json_decref(value);
    SBX_FUZZ_MUST(sbx_redact_argv_json(&again, sbx_text_string(&out)));
    (void)sbx_redact_argv_json(&again, text);
    sbx_text_done(&again);
    sbx_text_done(&hex);
    sbx_text_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sbx_fuzz_text(data, size);

    check_people((const uint8_t *)text, size);
    check_message(text);
    check_json((const uint8_t *)text, size);
    check_report((const uint8_t *)text, size);
    check_redacted(text, size);
    free(text);
    return 0;
}
