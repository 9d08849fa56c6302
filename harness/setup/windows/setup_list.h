/*
 * A list of things on a machine, put there in order, looked for, and taken away, the last first; what setup.h says of
 * the whole plan. Pure.
 *
 * Who may include it: harness/setup, tests.
 */
#ifndef SBX_SETUP_WINDOWS_SETUP_LIST_H
#define SBX_SETUP_WINDOWS_SETUP_LIST_H

#include "harness/setup/windows/setup.h"

/* As sbx_setup_install(). At most SBX_SETUP_ITEMS_MAX. */
SBX_MUST_USE sbx_status sbx_setup_list_put(const sbx_setup_item *list, size_t count,
                                           const sbx_setup_os *os, sbx_error *err);
/* As sbx_setup_look(). */
SBX_MUST_USE sbx_status sbx_setup_list_look(sbx_setup_found *out, bool *out_is_complete,
                                            const sbx_setup_item *list, size_t count,
                                            const sbx_setup_os *os, sbx_error *err);
/* As sbx_setup_uninstall(), of those that only says; NULL: of all. */
SBX_MUST_USE sbx_status sbx_setup_list_take(const sbx_setup_item *list, size_t count,
                                            const bool *only, const sbx_setup_os *os,
                                            sbx_error *err);

/* As sbx_setup_print() and sbx_setup_print_json(). */
void sbx_setup_list_print(sbx_text *out, const sbx_setup_item *list, size_t count,
                          const sbx_setup_found *found);
void sbx_setup_list_print_json(sbx_json *json, const char *key, const sbx_setup_item *list,
                               size_t count, const sbx_setup_found *found);

#endif
