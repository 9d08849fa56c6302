/*
 * Arguments for Windows: whatever they are, the line that is made of them is split into them again, by the two readers
 * that programs have. The first byte says for whom (even: a program, odd: a batch file), the arguments lie behind it,
 * each ended by a NUL.
 *
 * Both readers are written down here from what is documented: CommandLineToArgvW(), where three quotes in a row are
 * one, and the C runtime's, where two inside a quoted part are.
 */
#include "harness/target/windows/quote.h"
#include "tests/fuzz/fuzz.h"

enum { WORDS_MAX = 64 };

typedef struct words {
    char *word[WORDS_MAX];
    size_t count;
    char *room, *at;
} words;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void begin(words *out, const char *line)
{
    memset(out, 0, sizeof(*out));
    out->room = out->at = malloc(2 * strlen(line) + 2);
    SBX_FUZZ_MUST(out->room != NULL);
}

static void begin_word(words *out)
{
    SBX_FUZZ_MUST(out->count < WORDS_MAX);
    out->word[out->count++] = out->at;
}

/* The program's name ends at the next quote, no matter what, or at a blank. */
static const char *read_name(words *out, const char *line)
{
    char end = *line == '"' ? '"' : ' ';

    begin_word(out);
    line += *line == '"';
    while (*line != '\0' && *line != end && (end == '"' || *line != '\t'))
        *out->at++ = *line++;
    *out->at++ = '\0';
    return line + (*line != '\0');
}

static const char *skip_blanks(const char *line)
{
    while (is_blank(*line))
        line++;
    return line;
}

/* A quote that `backslashes` of them stand before, in CommandLineToArgvW(); *quotes counts those that are erased. */
static const char *read_quotes(words *out, const char *line, size_t backslashes, unsigned *quotes)
{
    out->at -= backslashes / 2;
    if (backslashes % 2 == 1)
        out->at[-1] = '"';
    else
        ++*quotes;
    for (line++; *line == '"'; line++)
        if (++*quotes == 3) {
            *out->at++ = '"';
            *quotes = 0;
        }
    if (*quotes == 2)
        *quotes = 0;
    return line;
}

static void split_as_shell32(words *out, const char *line)
{
    begin(out, line);
    line = skip_blanks(read_name(out, line));
    while (*line != '\0') {
        unsigned quotes = 0;
        size_t backslashes = 0;

        begin_word(out);
        while (*line != '\0' && (quotes != 0 || !is_blank(*line))) {
            if (*line == '"') {
                line = read_quotes(out, line, backslashes, &quotes);
                backslashes = 0;
                continue;
            }
            backslashes = *line == '\\' ? backslashes + 1 : 0;
            *out->at++ = *line++;
        }
        *out->at++ = '\0';
        line = skip_blanks(line);
    }
}

static void split_as_runtime(words *out, const char *line)
{
    begin(out, line);
    line = skip_blanks(read_name(out, line));
    while (*line != '\0') {
        bool is_quoted = false;

        begin_word(out);
        while (*line != '\0' && (is_quoted || !is_blank(*line))) {
            size_t backslashes = strspn(line, "\\");
            bool has_quote = line[backslashes] == '"', is_copied = true;

            line += backslashes;
            if (has_quote && backslashes % 2 == 0) {
                if (is_quoted && line[1] == '"') {
                    line++;
                } else {
                    is_copied = false;
                    is_quoted = !is_quoted;
                }
            }
            for (size_t i = 0; i < (has_quote ? backslashes / 2 : backslashes); i++)
                *out->at++ = '\\';
            if (*line == '\0' || (!is_quoted && is_blank(*line)))
                break;
            if (is_copied)
                *out->at++ = *line;
            line++;
        }
        *out->at++ = '\0';
        line = skip_blanks(line);
    }
}

static void must_be(words *found, const char *const *argv)
{
    size_t i;

    for (i = 0; argv[i] != NULL; i++)
        SBX_FUZZ_MUST(i < found->count && strcmp(found->word[i], argv[i]) == 0);
    SBX_FUZZ_MUST(i == found->count);
    free(found->room);
}

static void must_split_into(const char *line, const char *const *argv)
{
    words found;

    split_as_shell32(&found, line);
    must_be(&found, argv);
    split_as_runtime(&found, line);
    must_be(&found, argv);
}

static void try_program(const char *const *argv)
{
    sbx_text line = {0};
    sbx_error err;
    sbx_status st = sbx_quote_program(&line, argv, &err);

    if (st == SBX_OK) {
        SBX_FUZZ_MUST(line.bytes < (size_t)SBX_COMMAND_LINE_UNITS_MAX * 3);
        must_split_into(sbx_text_string(&line), argv);
    } else {
        SBX_FUZZ_MUST(strchr(argv[0], '"') != NULL || line.bytes >= SBX_COMMAND_LINE_UNITS_MAX);
    }
    sbx_text_done(&line);
}

/* Nothing in it ends a quoted part or begins a variable, for the interpreter that knows no backslashes; and the batch
 * file's own reader, or a program that is handed its %*, gets the arguments. */
static void try_batch(const char *const *argv)
{
    static const char prefix[] = "\"cmd.exe\" /e:ON /v:OFF /d /c \"";
    sbx_text line = {0};
    sbx_error err;
    char *inner;

    if (sbx_quote_batch(&line, "cmd.exe", argv[0], argv + 1, &err) == SBX_OK) {
        const char *text = sbx_text_string(&line);
        size_t quotes = 0;

        SBX_FUZZ_MUST(strncmp(text, prefix, sizeof(prefix) - 1) == 0);
        SBX_FUZZ_MUST(line.bytes > sizeof(prefix) && text[line.bytes - 1] == '"');
        for (const char *at = text; *at != '\0'; at++) {
            SBX_FUZZ_MUST((unsigned char)*at >= 0x20 && *at != 0x7F && *at != '%');
            quotes += *at == '"';
            /* Between the words there are blanks, and all else is quoted. */
            SBX_FUZZ_MUST(at < text + sizeof(prefix) - 1 || quotes % 2 == 0 || *at == '"' ||
                          *at == ' ');
        }
        inner = strdup(text + sizeof(prefix) - 1);
        SBX_FUZZ_MUST(inner != NULL);
        inner[strlen(inner) - 1] = '\0';
        must_split_into(inner, argv);
        free(inner);
    }
    sbx_text_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *argv[WORDS_MAX + 1] = {""};
    size_t count = 0;
    char *text;

    if (size == 0)
        return 0;
    text = sbx_fuzz_text(data + 1, size - 1);
    for (size_t at = 0; at < size - 1 && count < WORDS_MAX; at += strlen(text + at) + 1)
        argv[count++] = text + at;
    argv[count == 0 ? 1 : count] = NULL;
    if (data[0] % 2 == 0)
        try_program(argv);
    else
        try_batch(argv);
    free(text);
    return 0;
}
