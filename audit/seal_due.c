/*
 * Sealing by itself: behind the end of each 256th run, where there is a key. The command has ended
 * then, the run is recorded, and nobody is waited for: who cannot have the lock at once leaves it to
 * the next time. 255 runs of 256 pay one division; the other one reads a small file, signs and
 * commits.
 */
#include <stdlib.h>

#include "audit/seal_parts.h"

enum { RUNS_A_SEAL = 256 };

void sbx_store_seal_when_due(sbx_store *store, int64_t run)
{
    char *path = NULL;
    sbx_seal_key key;
    sbx_seal out;
    bool is_new;

    if (run % RUNS_A_SEAL != 0 || sbx_seal_key_path(&path, NULL) != SBX_OK)
        return;
    if (sbx_seal_key_read(&key, path, NULL) == SBX_OK && key.exists && sbx_store_try_lock(store))
        (void)!sbx_store_seal(&out, &is_new, store, &key, "run",
                              NULL); /* the next one says it too */
    sbx_seal_key_forget(&key);
    free(path);
}
