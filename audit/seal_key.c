/* Making and reading the key of the seals; see seal_key.h. */
#include "audit/seal_key.h"

#include <stdlib.h>
#include <string.h>

#include "audit/database_file.h"
#include "audit/private_file.h"
#include "audit/store.h"
#include "harness/base/clock.h"
#include "harness/base/sha256.h"
#include "harness/base/text.h"

static const char secret_word[] = "sbx-seal-secret-key ", public_word[] = "ed25519 ";

enum { FILE_BYTES = 256 };

static int digit(char letter)
{
    if (letter >= '0' && letter <= '9')
        return letter - '0';
    if (letter >= 'a' && letter <= 'f')
        return letter - 'a' + 10;
    return letter >= 'A' && letter <= 'F' ? letter - 'A' + 10 : -1;
}

bool sbx_hex_read(uint8_t *out, size_t bytes, const char *text)
{
    for (size_t i = 0; i < bytes; i++) {
        int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

        if (low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The key in a text like "ed25519 HEX\n"; nothing may follow but white space. */
static bool read_key(uint8_t out[SBX_ED25519_KEY_BYTES], const char *text, const char *word)
{
    size_t bytes = strlen(word);

    if (strncmp(text, word, bytes) != 0 || !sbx_hex_read(out, SBX_ED25519_KEY_BYTES, text + bytes))
        return false;
    text += bytes + 2 * (size_t)SBX_ED25519_KEY_BYTES;
    return text[strspn(text, " \t\r\n")] == '\0';
}

sbx_status sbx_seal_key_path(char **out_path, sbx_error *err)
{
    sbx_text path = {0};
    sbx_status st = sbx_store_state_folder(&path, err);

    *out_path = NULL;
    if (st == SBX_OK) {
        sbx_text_add(&path, "/seal.key");
        st = sbx_text_check(&path, err);
    }
    if (st == SBX_OK)
        *out_path = path.data;
    else
        sbx_text_done(&path);
    return st;
}

/* "…/seal.key" becomes "…/seal.pub". */
static void add_public_path(sbx_text *out, const char *path)
{
    size_t bytes = strlen(path);

    if (bytes > 4 && strcmp(path + bytes - 4, ".key") == 0)
        bytes -= 4;
    sbx_text_add_bytes(out, path, bytes);
    sbx_text_add(out, ".pub");
}

static sbx_status write_key(const char *path, const char *word, const uint8_t *key, sbx_error *err)
{
    char digits[65], text[FILE_BYTES];
    size_t word_bytes = strlen(word);
    bool is_new = false;
    sbx_status st;

    sbx_sha256_hex(digits, key);
    memcpy(text, word, word_bytes);
    memcpy(text + word_bytes, digits, 64);
    memcpy(text + word_bytes + 64, "\n", 2);
    st = sbx_database_file_create(&is_new, path, text, word_bytes + 65, err);
    sbx_forget(digits, sizeof(digits));
    sbx_forget(text, sizeof(text));
    if (st == SBX_OK && !is_new)
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT, "%s: exists already", path);
    return st;
}

static sbx_status write_public(const char *path, const sbx_seal_key *key, sbx_error *err)
{
    sbx_text public_path = {0};
    sbx_status st;

    add_public_path(&public_path, path);
    st = sbx_text_check(&public_path, err);
    if (st == SBX_OK) {
        sbx_database_file_discard(sbx_text_string(&public_path)); /* of a key that was replaced */
        st = write_key(sbx_text_string(&public_path), public_word, key->public_key, err);
    }
    sbx_text_done(&public_path);
    return st;
}

/* Seals of before can be looked at with the old one's public half only: nothing throws it away. */
static sbx_status set_aside(const char *path, const sbx_seal_key *old, sbx_error *err)
{
    sbx_text name = {0};
    char digits[65];
    sbx_status st;

    sbx_sha256_hex(digits, old->public_key);
    sbx_text_add_format(&name, "%s.%.16s", path, digits);
    st = sbx_text_check(&name, err);
    if (st == SBX_OK)
        st = sbx_private_file_rename(path, sbx_text_string(&name), err);
    sbx_text_done(&name);
    return st;
}

/* As it will be read later: not every file system keeps to whom a file was given. */
static sbx_status read_back(const char *path, const sbx_seal_key *made, sbx_error *err)
{
    sbx_seal_key found;
    sbx_status st = sbx_seal_key_read(&found, path, err);

    if (st == SBX_OK && (!found.exists ||
                         memcmp(found.public_key, made->public_key, sizeof(found.public_key)) != 0))
        st = sbx_fail_plain(err, SBX_IO, SBX_STEP_AUDIT, "%s: does not read back as it was written",
                            path);
    sbx_seal_key_forget(&found);
    if (st != SBX_OK)
        sbx_database_file_discard(path);
    return st;
}

sbx_status sbx_seal_key_make(sbx_seal_key *out, const char *path, bool replaces, sbx_error *err)
{
    sbx_seal_key old;
    char digits[65];
    sbx_status st = sbx_seal_key_read(&old, path, err);

    *out = (sbx_seal_key){0};
    if (st == SBX_OK && old.exists && !replaces) {
        sbx_sha256_hex(digits, old.public_key);
        st = sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                            "%s: there is a key already, and its public key is %s — with --replace "
                            "it is kept under another name and a new one made",
                            path, digits);
    }
    if (st == SBX_OK && old.exists)
        st = set_aside(path, &old, err);
    sbx_seal_key_forget(&old);
    if (st == SBX_OK)
        st = sbx_random_bytes(out->secret, sizeof(out->secret), err);
    if (st == SBX_OK) {
        sbx_ed25519_public(out->public_key, out->secret);
        st = write_key(path, secret_word, out->secret, err);
    }
    if (st == SBX_OK)
        st = read_back(path, out, err);
    if (st == SBX_OK)
        st = write_public(path, out, err);
    out->exists = st == SBX_OK;
    sbx_seal_key_forget(out);
    return st;
}

sbx_status sbx_seal_key_read(sbx_seal_key *out, const char *path, sbx_error *err)
{
    char text[FILE_BYTES];
    sbx_status st;

    *out = (sbx_seal_key){0};
    st = sbx_private_file_read(text, sizeof(text), &out->exists, path, true, err);
    if (st == SBX_OK && out->exists && !read_key(out->secret, text, secret_word))
        st = sbx_fail_plain(err, SBX_CORRUPT, SBX_STEP_AUDIT, "%s: no key of sbx is in it", path);
    if (st == SBX_OK && out->exists)
        sbx_ed25519_public(out->public_key, out->secret);
    sbx_forget(text, sizeof(text));
    if (st != SBX_OK)
        sbx_seal_key_forget(out);
    return st;
}

/* The public half stays: it is in every seal. */
void sbx_seal_key_forget(sbx_seal_key *key)
{
    sbx_forget(key->secret, sizeof(key->secret));
}

sbx_status sbx_seal_key_take_public(uint8_t out[SBX_ED25519_KEY_BYTES], const char *key_or_file,
                                    sbx_error *err)
{
    char text[FILE_BYTES];
    bool exists = false;
    sbx_status st;

    if (strlen(key_or_file) == 2 * (size_t)SBX_ED25519_KEY_BYTES &&
        sbx_hex_read(out, SBX_ED25519_KEY_BYTES, key_or_file))
        return SBX_OK;
    st = sbx_private_file_read(text, sizeof(text), &exists, key_or_file, false, err);
    if (st != SBX_OK)
        return st;
    if (!exists)
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "%s: is neither a public key (64 hexadecimal digits) nor a file",
                              key_or_file);
    if (!read_key(out, text, public_word) && !read_key(out, text, ""))
        return sbx_fail_plain(err, SBX_INVALID, SBX_STEP_AUDIT,
                              "%s: holds no public key, a line like \"ed25519 64 digits\"",
                              key_or_file);
    return SBX_OK;
}
