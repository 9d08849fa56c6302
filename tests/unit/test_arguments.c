/* The arguments of a program, as they are written down, wherever in its memory they lie. */
#include <sys/mman.h>
#include <unistd.h>

#include "audit/sources/linux/arguments.h"
#include "tests/support/test.h"

enum { PAGE = 4096, PAGES = 16 };

static char *memory; /* PAGES of it, and behind them nothing */

static int map_memory(void **state)
{
    (void)state;
    memory =
        mmap(NULL, (PAGES + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory != MAP_FAILED && mprotect(memory + PAGES * PAGE, PAGE, PROT_NONE) == 0 ? 0 : -1;
}

static int unmap_memory(void **state)
{
    (void)state;
    return munmap(memory, (PAGES + 1) * PAGE);
}

static void check(const char *const *pointers, const char *expected)
{
    sbx_text text = {0};

    sbx_arguments_read(&text, getpid(), (uint64_t)(uintptr_t)pointers);
    assert_string_equal(sbx_text_string(&text), expected);
    sbx_text_done(&text);
}

static char *put(size_t at, const char *text)
{
    memcpy(memory + at, text, strlen(text) + 1);
    return memory + at;
}

static char *fill(size_t at, char letter, size_t count)
{
    memset(memory + at, letter, count);
    memory[at + count] = '\0';
    return memory + at;
}

static void test_anywhere(void **state)
{
    const char *together[] = {put(0, "cc"), put(3, "-c"), put(6, ""), put(7, "a b.c"), NULL};
    const char *backwards[] = {together[3], together[2], together[1], together[0], NULL};
    const char *apart[] = {put(9 * PAGE, "sh"),  together[1], put(5 * PAGE - 3, "12345"),
                           put(3 * PAGE, "end"), together[1], NULL};
    const char *none[] = {NULL};

    (void)state;
    check(together, "[\"cc\",\"-c\",\"\",\"a b.c\"]");
    check(backwards, "[\"a b.c\",\"\",\"-c\",\"cc\"]");
    check(apart, "[\"sh\",\"-c\",\"12345\",\"end\",\"-c\"]");
    check(none, "[]");
}

static void test_at_the_end_of_memory(void **state)
{
    enum { END = PAGES * PAGE };
    const char *last[] = {put(END - 12, "first"), put(END - 5, "last"), NULL};
    const char *cut[] = {last[0], memory + END - 3, NULL};
    const char *nowhere[] = {last[0], memory + END + 7, last[1], (char *)1, NULL};

    (void)state;
    check(last, "[\"first\",\"last\"]");
    check(nowhere, "[\"first\",\"\",\"last\",\"\"]");
    memcpy(memory + END - 3, "abc", 3); /* no end: as far as it goes */
    check(cut, "[\"first\",\"abc\"]");
    check((const char *const *)(void *)(memory + END), "[]");
}

/* What is expected of `count` times `letter`, in quotes. */
static void add_letters(sbx_text *out, char letter, size_t count)
{
    sbx_text_add(out, "\"");
    for (size_t i = 0; i < count; i++)
        sbx_text_add_format(out, "%c", letter);
    sbx_text_add(out, "\"");
}

static void test_long_ones(void **state)
{
    const char *pointers[] = {fill(0, 'a', SBX_ARGUMENT_BYTES_MOST),
                              fill(PAGE - 20, 'b', SBX_ARGUMENT_BYTES_MOST + 1),
                              fill(3 * PAGE, 'c', 40), fill(4 * PAGE, 'd', 3 * PAGE), NULL};
    sbx_text expected = {0};

    (void)state;
    sbx_text_add(&expected, "[");
    add_letters(&expected, 'a', SBX_ARGUMENT_BYTES_MOST);
    sbx_text_add(&expected, ",");
    add_letters(&expected, 'b', SBX_ARGUMENT_BYTES_CUT);
    sbx_text_add(&expected, ",");
    add_letters(&expected, 'c', 40);
    sbx_text_add(&expected, ",");
    add_letters(&expected, 'd', SBX_ARGUMENT_BYTES_CUT);
    sbx_text_add(&expected, "]");
    check(pointers, sbx_text_string(&expected));
    sbx_text_done(&expected);
}

static void test_no_more_than_are_kept(void **state)
{
    const char *many[SBX_ARGUMENTS_MOST + 7] = {0};
    const char *large[] = {fill(0, 'x', 1000), memory, memory, memory, memory, memory, NULL};
    sbx_text expected = {0};

    (void)state;
    sbx_text_add(&expected, "[");
    for (int i = 0; i < 5; i++) {
        add_letters(&expected, 'x', i < 4 ? 1000 : SBX_ARGUMENTS_BYTES_MOST - 4 * 1000);
        sbx_text_add(&expected, ",");
    }
    sbx_text_add(&expected, "\"\xE2\x80\xA6\"]");
    check(large, sbx_text_string(&expected));

    sbx_text_clear(&expected);
    sbx_text_add(&expected, "[");
    for (size_t i = 0; i < SBX_ARGUMENTS_MOST; i++) {
        many[i] = put(2 * PAGE, "o");
        sbx_text_add(&expected, "\"o\",");
    }
    many[SBX_ARGUMENTS_MOST] = memory;
    sbx_text_add(&expected, "\"\xE2\x80\xA6\"]");
    check(many, sbx_text_string(&expected));
    sbx_text_done(&expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_anywhere), cmocka_unit_test(test_at_the_end_of_memory),
        cmocka_unit_test(test_long_ones), cmocka_unit_test(test_no_more_than_are_kept)};

    return cmocka_run_group_tests(tests, map_memory, unmap_memory);
}
