/*
 * What this program does as a worker that was started as "sbx --worker". Windows: one order from stdin, one run, one
 * report to stdout; the pool (pool.h) starts that. Linux, where workers are forked: refuses.
 * Returns the exit code of the process, which has nothing else to do.
 */
#ifndef SBX_BATCH_WORK_H
#define SBX_BATCH_WORK_H

int sbx_batch_work_alone(void);

#endif
