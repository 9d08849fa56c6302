/*
 * Rows of typed cells, shown as a table, as lines of one record, or as JSON, from the same cells, so
 * that these cannot disagree.
 *
 * Text for people: sizes, durations and times are made readable, times are local, what the database
 * holds is escaped (a program under audit chose much of it). JSON: numbers as they are, in the unit
 * that the column's name ends in.
 */
#ifndef SBX_CLI_TABLE_H
#define SBX_CLI_TABLE_H

#include "audit/query.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/cli/caller.h"

typedef struct sbx_table_cell {
    size_t start, bytes, columns; /* in `text`; columns on the screen */
} sbx_table_cell;

typedef struct sbx_table {
    const sbx_column *columns; /* the caller's; must stay */
    size_t column_count;
    size_t *widths;
    sbx_table_cell *cells; /* row after row, one for each column with a heading */
    size_t row_count, cell_room;
    sbx_text text;
    bool has_printed_heads;
    bool has_failed; /* no memory */
} sbx_table;

void sbx_table_init(sbx_table *table, const sbx_column *columns, size_t column_count);
void sbx_table_done(sbx_table *table);

/* Copies what it needs of the cells. */
void sbx_table_add(sbx_table *table, const sbx_cell *cells);

/*
 * Appends the rows added since the last call, before the first ones the headings. On a terminal, lines
 * are cut to its width, the widest texts first; elsewhere they are whole.
 */
SBX_MUST_USE sbx_status sbx_table_render(sbx_text *out, sbx_table *table, const sbx_screen *screen,
                                         sbx_error *err);

/* One row as lines "name  value", without the unit in the name where the value says it; cells that are
 * null or empty are left out, and the samples of a run are curves. */
void sbx_table_render_record(sbx_text *out, const sbx_column *columns, size_t column_count,
                             const sbx_cell *cells, const sbx_screen *screen);

/* One row as keys and values into an open object. */
void sbx_table_row_to_json(sbx_json *json, const sbx_column *columns, size_t column_count,
                           const sbx_cell *cells);

/* One cell for people, escaped, in one line; "-" for null. */
void sbx_table_format_cell(sbx_text *out, const sbx_column *column, const sbx_cell *cell);

/* The number of a cell: an integer, or a real that can be read back. */
void sbx_table_add_number(sbx_text *out, const sbx_cell *cell);

#endif
