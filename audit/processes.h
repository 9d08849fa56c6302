/*
 * The program images that a run started: one record per execve, collected in memory and written in
 * batches. At most SBX_PROCESSES_MAX are kept, and as much of their texts as is said below; the rest is counted.
 */
#ifndef SBX_AUDIT_PROCESSES_H
#define SBX_AUDIT_PROCESSES_H

#include "audit/store.h"

/* What a list can grow to, whatever the target does. The usual 20,000 (130 bytes of text each) take 5 MiB. */
enum { SBX_PROCESSES_MAX = 20000, SBX_PROCESSES_TEXT_BYTES_MAX = 6 << 20 };

typedef struct sbx_processes sbx_processes;

sbx_processes *sbx_processes_create(void); /* NULL: no memory */
void sbx_processes_free(sbx_processes *list);
/* Copies exe and argv_json and chooses row. Over a cap or without memory: counted as lost. */
void sbx_processes_add(sbx_processes *list, const sbx_process_record *record);
/* There is a record of that process that has not ended. */
bool sbx_processes_knows(const sbx_processes *list, int32_t pid);
/* The program of the latest record of that process, of the list until its next change; NULL: not known. */
const char *sbx_processes_exe(const sbx_processes *list, int32_t pid);
/* Was that program (as this system compares paths) started? *out_pid: by which process; 0: by more than one. */
bool sbx_processes_has_program(const sbx_processes *list, const char *exe, int32_t *out_pid);
/* The latest image of that process has ended; unknown pids are ignored. */
void sbx_processes_end(sbx_processes *list, int32_t pid, uint64_t end_us, bool has_exit,
                       int32_t exit_code);
uint64_t sbx_processes_count(const sbx_processes *list);
uint64_t sbx_processes_lost(const sbx_processes *list);
/* Records that are new or changed since the last call: contiguous copies, valid until the next call
 * on this list. */
const sbx_process_record *sbx_processes_take_changes(sbx_processes *list, size_t *out_count);

#endif
