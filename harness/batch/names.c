/* Ids as names of files. */
#include "harness/batch/names.h"

#include <string.h>

#include "harness/base/sha256.h"

enum { NAME_BYTES_MAX = 200, HASH_BYTES = 64 };

static bool stays(char byte, bool is_first)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' || (byte == '.' && !is_first);
}

void sbx_batch_file_name(sbx_text *out, const char *id)
{
    const size_t before = out->bytes;
    const sbx_bytes whole = {id, strlen(id)};
    uint8_t hash[SBX_SHA256_BYTES];
    char hex[HASH_BYTES + 1];

    for (const char *at = id; *at != '\0'; at++) {
        if (stays(*at, at == id) && sbx_batch_name_keeps(id, (size_t)(at - id)))
            sbx_text_add_bytes(out, at, 1);
        else
            sbx_text_add_format(out, "%%%02X", (unsigned)(unsigned char)*at);
    }
    if (out->failed || out->bytes - before <= NAME_BYTES_MAX)
        return;
    out->bytes = before + NAME_BYTES_MAX - HASH_BYTES - 1;
    out->data[out->bytes] = '\0';
    sbx_sha256(hash, &whole, 1);
    sbx_sha256_hex(hex, hash);
    sbx_text_add_format(out, "~%s", hex);
}
