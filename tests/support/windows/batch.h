/*
 * Batches of tasks that are a test program's own probe, and what came of them. Where no wall holds (Wine) they are run
 * with --allow-degraded; the policy is one that a Windows without setup can hold.
 */
#ifndef SBX_TESTS_SUPPORT_WINDOWS_BATCH_H
#define SBX_TESTS_SUPPORT_WINDOWS_BATCH_H

#include <jansson.h>
#include <windows.h>

typedef struct batch_place {
    char root[600], work[600]; /* the latter is writable for tasks */
    char database[600], manifest[600], out[600];
} batch_place;

void batch_place_make(batch_place *out, const char *name);

/* A manifest is written between these two. limits: a JSON object for all tasks, or NULL. */
void batch_begin(const batch_place *place, const char *limits);
/* words: of the probe, behind "--probe". more: JSON members of the task, or NULL. */
void batch_add(const char *id, const char *const *words, const char *more);
void batch_end(void);

/* "sbx batch run --out OUT OPTION… MANIFEST". options: NULL-terminated. list: for 40. */
void batch_command(const char **list, const batch_place *place, const char *const *options);
/* Its exit code, or the test fails. The summary, for json_decref(). */
json_t *batch_run(const batch_place *place, const char *const *options, DWORD code);

/* Final lines of results.jsonl by id; *out_twice: how many ids have more than one. For json_decref(). */
json_t *batch_results(const batch_place *place, unsigned *out_twice);
const char *batch_text(const json_t *results, const char *id, const char *key);
long long batch_number(const json_t *results, const char *id, const char *key);

/* A file with a NUL behind it, for free(); NULL: cannot be read. */
char *batch_read(const char *path, size_t *out_bytes);

#endif
