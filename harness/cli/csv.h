/*
 * Rows of typed cells as comma-separated values: RFC 4180 with a header line, lines ending in CRLF.
 * Numbers are in the unit that the column's name ends in, null is nothing at all, an empty text "".
 *
 * Much of the text was chosen by programs under audit. The RFC knows no control characters: they, text
 * that changes direction and bytes that are not UTF-8 are written as \xNN or \u{NNNN}, a backslash as
 * two. A text that a spreadsheet would take for a formula (it begins with = + - @) gets an apostrophe in
 * front. Who needs the exact bytes asks for JSON.
 */
#ifndef SBX_CLI_CSV_H
#define SBX_CLI_CSV_H

#include "audit/query.h"
#include "harness/base/text.h"

void sbx_csv_head(sbx_text *out, const sbx_column *columns, size_t column_count);
void sbx_csv_row(sbx_text *out, const sbx_column *columns, size_t column_count,
                 const sbx_cell *cells);

#endif
