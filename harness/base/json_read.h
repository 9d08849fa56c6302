/*
 * Reading JSON with jansson, also where memory runs out. jansson's lexer forgets that a string could not grow, and then
 * writes behind what it has: with this it never hears of a failed allocation, and the reading ends all the same.
 *
 * Who may include it: everybody who includes <jansson.h>.
 */
#ifndef SBX_BASE_JSON_READ_H
#define SBX_BASE_JSON_READ_H

#include <jansson.h>
#include <stddef.h>

/*
 * As json_loadb(); *problem may be NULL. Where memory ran out NULL, and the problem's text says so.
 * Context: any thread, one reading at a time in each. The allocator is set for all of the program, at the first call.
 */
json_t *sbx_json_read(const char *text, size_t bytes, size_t flags, json_error_t *problem);

/* As json_loads(). */
json_t *sbx_json_read_string(const char *text, size_t flags, json_error_t *problem);

#endif
