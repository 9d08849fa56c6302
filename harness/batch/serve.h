/*
 * What the library starts (harness/embed): runs single commands for another process, as long as that wants them. A pool of
 * workers as for a batch, without a manifest, an order, expectations or results that stay.
 *
 * Linux: descriptor 3 is the socket, 4 a pidfd of the caller (harness/embed/protocol.h). Windows: refuses.
 * Returns the exit code of the process, which has nothing else to do.
 */
#ifndef SBX_BATCH_SERVE_H
#define SBX_BATCH_SERVE_H

int sbx_batch_serve(void);

#endif
