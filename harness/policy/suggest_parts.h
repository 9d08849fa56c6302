/* What suggest.c, suggest_refuse.c and suggest_roots.c share. Nobody else includes it. */
#ifndef SBX_POLICY_SUGGEST_PARTS_H
#define SBX_POLICY_SUGGEST_PARTS_H

#include "harness/policy/parts.h"
#include "harness/policy/suggest.h"

/* Counted once for each op, target and reason. */
void sbx_suggest_leave_out(sbx_suggestion *self, const sbx_wish *wish, const char *why);
void sbx_suggest_caution(sbx_suggestion *self, const char *text);

/*
 * Why that path is not to be written, whatever the run's policy says; NULL: no reason is known. The place that the
 * reason is about is kept in `held`.
 */
const char *sbx_suggest_refusal(sbx_suggestion *self, const char *path, bool is_directory);

/* A change of the file system that no wall but the missing root refused. */
void sbx_suggest_add_path(sbx_suggestion *self, const sbx_wish *wish);
/* Files of one directory become that directory; what lies in another root goes; the rest into the policy. */
void sbx_suggest_settle_roots(sbx_suggestion *self);

#endif
