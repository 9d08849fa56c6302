/* Hostile argument lists, made from a seed: the same on every system. */
#ifndef SBX_TESTS_SUPPORT_COMMAND_LINE_H
#define SBX_TESTS_SUPPORT_COMMAND_LINE_H

#include <stdint.h>
#include <string.h>

enum { COMMAND_LINE_WORDS = 8, COMMAND_LINE_BYTES = 128 };

/* argv: room for COMMAND_LINE_WORDS + 1. The first word has no double quote, for which there is no form. */
static inline void command_line_make(const char **argv,
                                     char words[COMMAND_LINE_WORDS][COMMAND_LINE_BYTES],
                                     uint64_t *seed)
{
    static const char *const pieces[] = {"\\",
                                         "\"",
                                         " ",
                                         "\t",
                                         "a",
                                         "\\\\",
                                         "\\\"",
                                         "\"\"",
                                         "b c",
                                         "%",
                                         "^",
                                         "&",
                                         "\n",
                                         "'",
                                         "--x=",
                                         "\xc3\xa9",
                                         "\xf0\x9f\x92\xa5",
                                         "/",
                                         "$(x)",
                                         "`"};
    const size_t piece_count = sizeof(pieces) / sizeof(pieces[0]);
    size_t count, i;

    *seed = *seed * UINT64_C(6364136223846793005) + 1;
    count = 1 + (*seed >> 33) % (COMMAND_LINE_WORDS - 1);
    for (i = 0; i < count; i++) {
        size_t bytes = 0, pieces_wanted;

        *seed = *seed * UINT64_C(6364136223846793005) + 1;
        pieces_wanted = (*seed >> 33) % 12;
        words[i][0] = '\0';
        while (pieces_wanted-- > 0) {
            const char *piece;

            *seed = *seed * UINT64_C(6364136223846793005) + 1;
            piece = pieces[(*seed >> 33) % piece_count];
            if (i == 0 && strchr(piece, '"') != NULL)
                piece = "c";
            memcpy(words[i] + bytes, piece, strlen(piece) + 1);
            bytes += strlen(piece);
        }
        argv[i] = words[i];
    }
    argv[count] = NULL;
}

#endif
