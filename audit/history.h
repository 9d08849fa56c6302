/* What the database knows of how long the tasks of batches took. */
#ifndef SBX_AUDIT_HISTORY_H
#define SBX_AUDIT_HISTORY_H

#include <stdint.h>

typedef void sbx_history_visit(void *context, const char *task, uint64_t wall_ns);

/*
 * The runs of tasks of any batch, the oldest first, of the last hundred thousand runs. Nothing where there is no
 * database, none that can be read, or one from before there were batches: who asks can do without.
 */
void sbx_history_each(const char *path, sbx_history_visit *visit, void *context);

#endif
