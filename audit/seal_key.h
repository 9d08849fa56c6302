/*
 * The key that seals are signed with: 32 secret bytes in a file of their own, seal.key in the folder
 * where the audit database is when nobody says otherwise ($XDG_STATE_HOME/sbx, ~/.local/state/sbx).
 * Every policy denies that whole folder, whatever database is in use. Beside it lies seal.pub, for
 * whoever verifies; it holds no secret.
 *
 *     seal.key   sbx-seal-secret-key 64 hexadecimal digits, mode 0600
 *     seal.pub   ed25519 64 hexadecimal digits
 *
 * A key is read only where it belongs to the caller and nobody else may read it; one that was just made is read back, and
 * a file system that does not keep its rights gets none.
 *
 * Windows: the owner is the caller, the system or administrators, and the list lets nobody else in. A command on path A reads
 * what its user reads, and so the key: there a seal holds against everybody but such a command.
 */
#ifndef SBX_AUDIT_SEAL_KEY_H
#define SBX_AUDIT_SEAL_KEY_H

#include <stdbool.h>

#include "harness/base/ed25519.h"
#include "harness/base/error.h"

typedef struct sbx_seal_key {
    bool exists;
    uint8_t secret[SBX_ED25519_KEY_BYTES];
    uint8_t public_key[SBX_ED25519_KEY_BYTES];
} sbx_seal_key;

/* Caller frees. */
SBX_MUST_USE sbx_status sbx_seal_key_path(char **out_path, sbx_error *err);

/*
 * Makes one, complete and durable or not at all, and seal.pub. out has the public half only.
 * Fails: INVALID  there is one already: it is left as it is, with replaces it gets another name
 *                 (seal.key.DIGITS, the first 16 of its public key)
 */
SBX_MUST_USE sbx_status sbx_seal_key_make(sbx_seal_key *out, const char *path, bool replaces,
                                          sbx_error *err);

/*
 * OK with out->exists false where there is none. Call sbx_seal_key_forget() when done with it.
 * Fails: REFUSED  others may read it, or it is not the caller's
 *        CORRUPT  no key is in it
 */
SBX_MUST_USE sbx_status sbx_seal_key_read(sbx_seal_key *out, const char *path, sbx_error *err);
void sbx_seal_key_forget(sbx_seal_key *key);

/* A public key as somebody gives it: 64 hexadecimal digits, or a file that holds them. */
SBX_MUST_USE sbx_status sbx_seal_key_take_public(uint8_t out[SBX_ED25519_KEY_BYTES],
                                                 const char *key_or_file, sbx_error *err);

/* bytes as two digits each; false where text does not begin with that many. */
bool sbx_hex_read(uint8_t *out, size_t bytes, const char *text);

#endif
