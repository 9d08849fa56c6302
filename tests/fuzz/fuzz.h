/*
 * What the fuzz targets share. A target holds one property for whatever bytes it is given: no sanitizer speaks, and
 * what is said by SBX_FUZZ_MUST() is true. It must not depend on what was tried before.
 *
 *     int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
 */
#ifndef SBX_TESTS_FUZZ_H
#define SBX_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SBX_FUZZ_MUST(what)                                                                        \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what);              \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy of exactly that size, so that the sanitizer sees a step too far, with a NUL behind it. Caller frees. */
static inline char *sbx_fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    SBX_FUZZ_MUST(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

/* Takes a number from the front of the input; 0 where it is used up. */
static inline uint64_t sbx_fuzz_take(const uint8_t **data, size_t *size, size_t bytes)
{
    uint64_t value = 0;

    for (; bytes > 0 && *size > 0; bytes--, (*size)--)
        value = value << 8 | *(*data)++;
    return value;
}

/* An unlinked file in memory that holds the bytes; its path. Valid until the descriptor is closed. */
int sbx_fuzz_file(char out_path[40], const uint8_t *data, size_t size);

#endif
