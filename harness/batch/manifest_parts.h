/* What the files of the manifest share. Nobody else includes it. */
#ifndef SBX_BATCH_MANIFEST_PARTS_H
#define SBX_BATCH_MANIFEST_PARTS_H

#include "harness/batch/manifest.h"

sbx_status sbx_manifest_no_memory(sbx_error *err);

/* shell.c: what a line of commands is handed to, with "-c" in front of it. NULL: there is nothing. */
const char *sbx_manifest_shell(void);

/* manifest_store.c: where the tasks are kept. */
SBX_MUST_USE sbx_status sbx_manifest_open(sbx_manifest *manifest, sbx_error *err);
/* Adds a task whose id is new. after: a list of ids, or NULL. */
SBX_MUST_USE sbx_status sbx_manifest_put(sbx_manifest *manifest, const sbx_manifest_task *task,
                                         const char *id, const sbx_text *spec, const json_t *after,
                                         sbx_error *err);
/* When all are there: finds what each comes after, and refuses circles. */
SBX_MUST_USE sbx_status sbx_manifest_join(sbx_manifest *manifest, const char *where,
                                          sbx_error *err);

#endif
