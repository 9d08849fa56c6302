/* Typed rows as a table, as a record, as JSON. */
#include "harness/cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/clock.h"
#include "harness/base/units.h"
#include "harness/cli/usage_curve.h"
#include "harness/cli/width.h"

enum {
    GAP_COLUMNS = 2,
    LEAST_COLUMNS = 8,       /* a text is not cut shorter while another one is longer */
    RECORD_NAME_COLUMNS = 20 /* least indent of the values in a record */
};

/* What colours a word has in a column that says how something stands. */
static const struct {
    const char *word, *start;
} colours[] = {
    {"ok", "\033[32m"},       {"enforced", "\033[32m"}, {"nonzero", "\033[33m"},
    {"degraded", "\033[33m"}, {"unknown", "\033[33m"},  {"signal", "\033[31m"},
    {"limit", "\033[31m"},    {"refused", "\033[31m"},  {"error", "\033[31m"},
    {"lost", "\033[31m"},     {"missing", "\033[31m"},  {"running", "\033[36m"},
};
static const char bold[] = "\033[1m", plain[] = "\033[0m";

static void format_time(sbx_text *out, int64_t utc_us)
{
    time_t seconds = (time_t)(utc_us / 1000000);
    struct tm local;
    char text[40];

    if (!sbx_clock_local(&local, seconds) ||
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) == 0) {
        sbx_text_add_format(out, "%lld us", (long long)utc_us);
        return;
    }
    sbx_text_add(out, text);
}

/* A real number as short as it can be read back, and always with a mark of one: 2.0, 1e+20. */
void sbx_table_add_number(sbx_text *out, const sbx_cell *cell)
{
    char text[40];
    int digits = 15;

    if (!cell->is_real) {
        sbx_text_add_signed(out, cell->integer);
        return;
    }
    do {
        (void)snprintf(text, sizeof(text), "%.*g", digits, cell->real);
    } while (strtod(text, NULL) != cell->real && digits++ < 17);
    sbx_text_add(out, text);
    sbx_text_add(out, strpbrk(text, ".en") == NULL ? ".0" : "");
}

void sbx_table_format_cell(sbx_text *out, const sbx_column *column, const sbx_cell *cell)
{
    if (cell->is_null) {
        sbx_text_add(out, "-");
        return;
    }
    switch (column->kind) {
    case SBX_CELL_TEXT:
    case SBX_CELL_JSON:
        sbx_text_add_escaped(out, cell->text, cell->text_bytes);
        break;
    case SBX_CELL_INTEGER:
        sbx_text_add_signed(out, cell->integer);
        break;
    case SBX_CELL_BYTES:
        sbx_format_size(out, (uint64_t)cell->integer);
        break;
    case SBX_CELL_DURATION:
        sbx_format_duration(out, (uint64_t)cell->integer);
        break;
    case SBX_CELL_TIME:
        format_time(out, cell->integer);
        break;
    case SBX_CELL_BOOL:
        sbx_text_add(out, cell->integer != 0 ? "yes" : "no");
        break;
    case SBX_CELL_ANY:
        if (cell->text != NULL) {
            sbx_text_add_escaped(out, cell->text, cell->text_bytes);
        } else {
            sbx_table_add_number(out, cell);
        }
        break;
    }
}

/* JSON has no word for what is no number: null. */
static void add_real(sbx_json *json, const char *key, const sbx_cell *cell)
{
    sbx_text number = {0};

    sbx_table_add_number(&number, cell);
    if (strpbrk(sbx_text_string(&number), "in") == NULL) {
        sbx_json_raw(json, key, sbx_text_string(&number));
    } else {
        sbx_json_null(json, key);
    }
    sbx_text_done(&number);
}

void sbx_table_row_to_json(sbx_json *json, const sbx_column *columns, size_t column_count,
                           const sbx_cell *cells)
{
    for (size_t i = 0; i < column_count; i++) {
        const sbx_column *column = &columns[i];

        if (cells[i].is_null) {
            sbx_json_null(json, column->name);
        } else if (column->kind == SBX_CELL_TEXT) {
            sbx_json_bytes(json, column->name, cells[i].text, cells[i].text_bytes);
        } else if (column->kind == SBX_CELL_JSON) {
            sbx_json_raw(json, column->name, cells[i].text);
        } else if (column->kind == SBX_CELL_ANY && cells[i].text != NULL) {
            sbx_json_bytes(json, column->name, cells[i].text, cells[i].text_bytes);
        } else if (cells[i].is_real) {
            add_real(json, column->name, &cells[i]);
        } else if (column->kind == SBX_CELL_BOOL) {
            sbx_json_bool(json, column->name, cells[i].integer != 0);
        } else {
            sbx_json_signed(json, column->name, cells[i].integer);
        }
    }
}

void sbx_table_init(sbx_table *table, const sbx_column *columns, size_t column_count)
{
    memset(table, 0, sizeof(*table));
    table->columns = columns;
    table->column_count = column_count;
    table->widths = calloc(column_count == 0 ? 1 : column_count, sizeof(*table->widths));
    table->has_failed = table->widths == NULL;
    for (size_t i = 0; i < column_count && !table->has_failed; i++) {
        const char *head = columns[i].head;
        sbx_text escaped = {0};

        if (head == NULL) {
            continue;
        }
        sbx_text_add_escaped(&escaped, head, strlen(head)); /* of SQL, somebody chose it */
        table->widths[i] = sbx_width_of(sbx_text_string(&escaped), escaped.bytes);
        sbx_text_done(&escaped);
    }
}

void sbx_table_done(sbx_table *table)
{
    free(table->widths);
    free(table->cells);
    sbx_text_done(&table->text);
    memset(table, 0, sizeof(*table));
}

/* Room for one more row. */
static bool grow(sbx_table *table)
{
    size_t wanted = (table->row_count + 1) * table->column_count;
    size_t room = table->cell_room == 0 ? 16 * table->column_count : table->cell_room * 2;
    sbx_table_cell *cells = NULL;

    if (wanted <= table->cell_room) {
        return true;
    }
    cells = realloc(table->cells, room * sizeof(*cells));
    if (cells == NULL) {
        return false;
    }
    table->cells = cells;
    table->cell_room = room;
    return true;
}

void sbx_table_add(sbx_table *table, const sbx_cell *cells)
{
    sbx_table_cell *row = NULL;

    if (table->has_failed || !grow(table)) {
        table->has_failed = true;
        return;
    }
    row = table->cells + table->row_count * table->column_count;
    for (size_t i = 0; i < table->column_count; i++) {
        sbx_table_cell *cell = &row[i];

        memset(cell, 0, sizeof(*cell));
        if (table->columns[i].head == NULL) {
            continue;
        }
        cell->start = table->text.bytes;
        sbx_table_format_cell(&table->text, &table->columns[i], &cells[i]);
        cell->bytes = table->text.bytes - cell->start;
        cell->columns = sbx_width_of(sbx_text_string(&table->text) + cell->start, cell->bytes);
        if (cell->columns > table->widths[i]) {
            table->widths[i] = cell->columns;
        }
    }
    table->row_count++;
}

static bool is_right_aligned(const sbx_column *column)
{
    return column->kind == SBX_CELL_INTEGER || column->kind == SBX_CELL_BYTES ||
           column->kind == SBX_CELL_DURATION;
}

static bool is_text(const sbx_column *column)
{
    return column->kind == SBX_CELL_TEXT || column->kind == SBX_CELL_JSON ||
           column->kind == SBX_CELL_ANY;
}

/* Takes columns off the widest texts until the line fits, or nothing more can be taken. */
static void shrink(size_t *widths, const sbx_table *table, size_t columns)
{
    size_t total = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        total += table->columns[i].head == NULL ? 0 : widths[i] + (total > 0 ? GAP_COLUMNS : 0);
    }
    while (total > columns) {
        size_t widest = table->column_count;

        for (size_t i = 0; i < table->column_count; i++) {
            if (table->columns[i].head != NULL && is_text(&table->columns[i]) &&
                widths[i] > LEAST_COLUMNS &&
                (widest == table->column_count || widths[i] >= widths[widest])) {
                widest = i;
            }
        }
        if (widest == table->column_count) {
            return;
        }
        widths[widest]--;
        total--;
    }
}

static const char *colour_of(const sbx_column *column, const char *text, size_t bytes)
{
    if (strcmp(column->name, "status") != 0 && strcmp(column->name, "state") != 0) {
        return NULL;
    }
    for (size_t i = 0; i < SBX_COUNT_OF(colours); i++) {
        if (strlen(colours[i].word) == bytes && memcmp(colours[i].word, text, bytes) == 0) {
            return colours[i].start;
        }
    }
    return NULL;
}

static void add_spaces(sbx_text *out, size_t count)
{
    static const char spaces[] = "                                ";

    while (count > 0) {
        size_t now = count < sizeof(spaces) - 1 ? count : sizeof(spaces) - 1;

        sbx_text_add_bytes(out, spaces, now);
        count -= now;
    }
}

/* A line that is being written: how much of it is full, and spaces that only count if text follows. */
typedef struct line {
    sbx_text *out;
    size_t used, limit; /* columns; limit 0: none */
    size_t spaces;
    bool has_text;
} line;

static void add_cell(line *self, const char *text, size_t bytes, size_t width, size_t room,
                     bool is_right, const char *colour)
{
    size_t before = self->spaces + (self->has_text ? GAP_COLUMNS : 0);
    size_t left = self->limit == 0 ? SIZE_MAX : self->limit - self->used;
    bool is_cut = false;

    if (is_right && width < room) {
        before += room - width;
    }
    if (before >= left) {
        self->limit = self->used; /* full: whatever follows is left out too */
        return;
    }
    left -= before;
    left = room < left ? room : left;
    is_cut = width > left;
    if (is_cut) {
        bytes = sbx_width_cut(text, bytes, left - 1);
        width = sbx_width_of(text, bytes) + 1;
    }
    add_spaces(self->out, before);
    sbx_text_add(self->out, colour == NULL ? "" : colour);
    sbx_text_add_bytes(self->out, text, bytes);
    sbx_text_add(self->out, is_cut ? "…" : "");
    sbx_text_add(self->out, colour == NULL ? "" : plain);
    self->has_text = true;
    self->used += before + width;
    self->spaces = !is_right && width < room ? room - width : 0;
}

static void render_heads(sbx_text *out, const sbx_table *table, const size_t *widths,
                         const sbx_screen *screen)
{
    line self = {.out = out, .limit = screen->columns};

    for (size_t i = 0; i < table->column_count; i++) {
        const char *head = table->columns[i].head;

        if (head != NULL) {
            sbx_text escaped = {0};

            sbx_text_add_escaped(&escaped, head, strlen(head));
            add_cell(&self, sbx_text_string(&escaped), escaped.bytes,
                     sbx_width_of(sbx_text_string(&escaped), escaped.bytes), widths[i],
                     is_right_aligned(&table->columns[i]), screen->wants_colour ? bold : NULL);
            sbx_text_done(&escaped);
        }
    }
    sbx_text_add(out, "\n");
}

static void render_row(sbx_text *out, const sbx_table *table, size_t row, const size_t *widths,
                       const sbx_screen *screen)
{
    line self = {.out = out, .limit = screen->columns};

    for (size_t i = 0; i < table->column_count; i++) {
        const sbx_column *column = &table->columns[i];
        const sbx_table_cell *cell = &table->cells[row * table->column_count + i];
        const char *text = sbx_text_string(&table->text) + cell->start;

        if (column->head != NULL) {
            add_cell(&self, text, cell->bytes, cell->columns, widths[i], is_right_aligned(column),
                     screen->wants_colour ? colour_of(column, text, cell->bytes) : NULL);
        }
    }
    sbx_text_add(out, "\n");
}

sbx_status sbx_table_render(sbx_text *out, sbx_table *table, const sbx_screen *screen,
                            sbx_error *err)
{
    size_t *widths = NULL;

    if (!table->has_failed && sbx_text_check(&table->text, NULL) == SBX_OK) {
        widths = calloc(table->column_count == 0 ? 1 : table->column_count, sizeof(*widths));
    }
    if (widths == NULL) {
        return sbx_fail_plain(err, SBX_NO_MEMORY, SBX_STEP_NONE, "no memory for the table");
    }
    memcpy(widths, table->widths, table->column_count * sizeof(*widths));
    if (screen->columns > 0) {
        shrink(widths, table, screen->columns);
    }
    if (!table->has_printed_heads && table->row_count > 0) {
        render_heads(out, table, widths, screen);
        table->has_printed_heads = true;
    }
    for (size_t row = 0; row < table->row_count; row++) {
        render_row(out, table, row, widths, screen);
    }
    table->row_count = 0;
    sbx_text_clear(&table->text);
    free(widths);
    return sbx_text_check(out, err);
}

/* "memory_peak_bytes" is "memory peak" where the value says its unit itself. Returns the columns. */
static size_t add_name(sbx_text *out, const sbx_column *column)
{
    static const char *const units[] = {"_bytes", "_ns", "_us"};
    size_t bytes = strlen(column->name);

    for (size_t i = 0; i < SBX_COUNT_OF(units) && column->kind != SBX_CELL_INTEGER; i++) {
        size_t unit = strlen(units[i]);

        if (bytes > unit && strcmp(column->name + bytes - unit, units[i]) == 0) {
            bytes -= unit;
        }
    }
    for (size_t i = 0; i < bytes; i++) {
        sbx_text_add_bytes(out, column->name[i] == '_' ? " " : column->name + i, 1);
    }
    return bytes;
}

static bool is_empty(const sbx_column *column, const sbx_cell *cell)
{
    if (cell->is_null || (is_text(column) && cell->text_bytes == 0)) {
        return true;
    }
    return column->kind == SBX_CELL_JSON &&
           (strcmp(cell->text, "[]") == 0 || strcmp(cell->text, "{}") == 0);
}

void sbx_table_render_record(sbx_text *out, const sbx_column *columns, size_t column_count,
                             const sbx_cell *cells, const sbx_screen *screen)
{
    for (size_t i = 0; i < column_count; i++) {
        const char *colour = NULL;
        size_t width = 0;

        if (is_empty(&columns[i], &cells[i])) {
            continue;
        }
        if (strcmp(columns[i].name, "samples") == 0) { /* hundreds of numbers: as curves */
            sbx_usage_curve_add(out, cells[i].text, cells[i].text_bytes, RECORD_NAME_COLUMNS);
            continue;
        }
        if (screen->wants_colour && is_text(&columns[i])) {
            colour = colour_of(&columns[i], cells[i].text, cells[i].text_bytes);
        }
        width = add_name(out, &columns[i]);
        add_spaces(out, width < RECORD_NAME_COLUMNS ? RECORD_NAME_COLUMNS - width : 1);
        sbx_text_add(out, colour == NULL ? "" : colour);
        sbx_table_format_cell(out, &columns[i], &cells[i]);
        sbx_text_add(out, colour == NULL ? "" : plain);
        sbx_text_add(out, "\n");
    }
}
