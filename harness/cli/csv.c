/* Comma-separated values; see csv.h. */
#include "harness/cli/csv.h"

#include <string.h>

#include "harness/cli/table.h"

static const char line_end[] = "\r\n";

static bool is_formula(const char *text, size_t bytes)
{
    return bytes > 0 && memchr("=+-@", text[0], 4) != NULL;
}

static bool needs_quotes(const sbx_text *text)
{
    const char *data = sbx_text_string(text);

    return text->bytes == 0 || data[0] == ' ' || data[text->bytes - 1] == ' ' ||
           strpbrk(data, ",\"") != NULL;
}

/* What was escaped has no line ends any more, so quotes are all that is left to look after. */
static void add_text(sbx_text *out, const char *text, size_t bytes)
{
    sbx_text plain = {0};

    if (bytes > 0 && sbx_text_plain_bytes(text, bytes) == bytes && !is_formula(text, bytes) &&
        text[0] != ' ' && text[bytes - 1] != ' ' && memchr(text, ',', bytes) == NULL) {
        sbx_text_add_bytes(out, text, bytes); /* as nearly all are */
        return;
    }
    sbx_text_add(&plain, is_formula(text, bytes) ? "'" : "");
    sbx_text_add_escaped(&plain, text, bytes);
    out->failed = out->failed || plain.failed;
    if (!needs_quotes(&plain)) {
        sbx_text_add_bytes(out, plain.data, plain.bytes);
    } else {
        sbx_text_add(out, "\"");
        for (const char *at = sbx_text_string(&plain); *at != '\0';) {
            size_t run = strcspn(at, "\"");

            sbx_text_add_bytes(out, at, run);
            at += run;
            if (*at == '"') {
                sbx_text_add(out, "\"\"");
                at++;
            }
        }
        sbx_text_add(out, "\"");
    }
    sbx_text_done(&plain);
}

void sbx_csv_head(sbx_text *out, const sbx_column *columns, size_t column_count)
{
    for (size_t i = 0; i < column_count; i++) {
        sbx_text_add(out, i == 0 ? "" : ",");
        add_text(out, columns[i].name, strlen(columns[i].name));
    }
    sbx_text_add(out, line_end);
}

void sbx_csv_row(sbx_text *out, const sbx_column *columns, size_t column_count,
                 const sbx_cell *cells)
{
    for (size_t i = 0; i < column_count; i++) {
        sbx_text_add_bytes(out, ",", i == 0 ? 0 : 1);
        if (cells[i].is_null) {
            continue;
        }
        if (cells[i].text != NULL) {
            add_text(out, cells[i].text, cells[i].text_bytes);
        } else if (columns[i].kind == SBX_CELL_BOOL) {
            sbx_text_add(out, cells[i].integer != 0 ? "true" : "false");
        } else {
            sbx_table_add_number(out, &cells[i]);
        }
    }
    sbx_text_add(out, line_end);
}
