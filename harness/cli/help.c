/* --help: usage, text, the options by group, wrapped to the terminal. */
#include "harness/cli/help.h"

#include <string.h>

#include "harness/cli/caller.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"
#include "harness/cli/width.h"

enum {
    USUAL_COLUMNS = 80,
    MOST_COLUMNS = 100,
    LEAST_COLUMNS = 40,
    OPTION_COLUMNS = 26, /* where the help of an option starts */
    COMMAND_COLUMNS = 18,
};

static void add_spaces(sbx_text *out, size_t count)
{
    while (count-- > 0) {
        sbx_text_add(out, " ");
    }
}

void sbx_help_add_wrapped(sbx_text *out, const char *text, size_t at, size_t indent, size_t columns)
{
    bool is_first = true;

    while (*text != '\0') {
        size_t bytes = strcspn(text, " ");
        size_t width = sbx_width_of(text, bytes);

        if (!is_first && at + 1 + width > columns) {
            sbx_text_add(out, "\n");
            add_spaces(out, indent);
            at = indent;
        } else if (!is_first) {
            sbx_text_add(out, " ");
            at++;
        }
        sbx_text_add_bytes(out, text, bytes);
        at += width;
        is_first = false;
        text += bytes + (text[bytes] == ' ');
    }
    sbx_text_add(out, "\n");
}

/* Paragraphs are parted by an empty line; one that starts with a space stays as it is. */
static void add_paragraphs(sbx_text *out, const char *text, size_t columns)
{
    while (*text != '\0') {
        const char *end = strstr(text, "\n\n");
        size_t bytes = end == NULL ? strlen(text) : (size_t)(end - text);
        sbx_text paragraph = {0};

        sbx_text_add_bytes(&paragraph, text, bytes);
        sbx_text_add(out, "\n");
        if (text[0] == ' ') {
            sbx_text_add(out, sbx_text_string(&paragraph));
            sbx_text_add(out, "\n");
        } else {
            sbx_help_add_wrapped(out, sbx_text_string(&paragraph), 0, 0, columns);
        }
        sbx_text_done(&paragraph);
        text += bytes + (end == NULL ? 0 : 2);
    }
}

static bool has_options(sbx_command_id command)
{
    for (size_t i = 0; i < sbx_options_count; i++) {
        if (sbx_option_belongs(&sbx_options[i], command) && sbx_options[i].group != NULL) {
            return true;
        }
    }
    return false;
}

static void add_usage(sbx_text *out, sbx_command_id command, size_t columns)
{
    const sbx_command *self = &sbx_commands[command];
    sbx_text line = {0};

    sbx_text_add(&line, "usage: " SBX_PROGRAM_NAME);
    sbx_text_add_format(&line, "%s%s", self->name[0] == '\0' ? "" : " ", self->name);
    sbx_text_add(&line, has_options(command) ? " [OPTION…]" : "");
    sbx_text_add_format(&line, "%s%s", self->operands[0] == '\0' ? "" : " ", self->operands);
    sbx_help_add_wrapped(out, sbx_text_string(&line), 0, 7, columns);
    sbx_text_done(&line);
}

static void add_option(sbx_text *out, const sbx_option *option, size_t columns)
{
    sbx_text head = {0};
    size_t width = 0;
    const char *argument = option->argument;

    if (option->letter != 0) {
        char letter[2] = {option->letter, '\0'};

        sbx_text_add_format(&head, "  -%s, --%s", letter, option->name);
    } else {
        sbx_text_add_format(&head, "      --%s", option->name);
    }
    if (argument != NULL) {
        sbx_text_add_format(&head, " %s", argument);
    }
    width = sbx_width_of(sbx_text_string(&head), head.bytes);
    sbx_text_add(out, sbx_text_string(&head));
    if (width + 2 > OPTION_COLUMNS) {
        sbx_text_add(out, "\n");
        width = 0;
    }
    add_spaces(out, OPTION_COLUMNS - width);
    sbx_help_add_wrapped(out, option->help, OPTION_COLUMNS, OPTION_COLUMNS, columns);
    sbx_text_done(&head);
}

static void add_options(sbx_text *out, sbx_command_id command, size_t columns)
{
    const char *group = "";

    for (size_t i = 0; i < sbx_options_count; i++) {
        const sbx_option *option = &sbx_options[i];

        if (!sbx_option_belongs(option, command) || option->group == NULL) {
            continue;
        }
        if (strcmp(option->group, group) != 0) {
            group = option->group;
            sbx_text_add(out, "\n");
            sbx_help_add_wrapped(out, group, 0, 0, columns);
        }
        add_option(out, option, columns);
    }
}

/* The members of a family, or all commands. */
static void add_commands(sbx_text *out, sbx_command_id family, size_t columns)
{
    size_t bytes = strlen(sbx_commands[family].name);

    sbx_text_add(out, "\nCommands:\n");
    for (unsigned i = SBX_COMMAND_MAIN + 1; i < SBX_COMMAND_COUNT; i++) {
        const char *name = sbx_commands[i].name;

        if (i == family || i == SBX_COMMAND_AUDIT || strncmp(name, sbx_commands[family].name, bytes) != 0) {
            continue;
        }
        sbx_text_add(out, "  ");
        sbx_text_add(out, name);
        add_spaces(out, COMMAND_COLUMNS - 2 - strlen(name));
        sbx_help_add_wrapped(out, sbx_commands[i].summary, COMMAND_COLUMNS, COMMAND_COLUMNS, columns);
    }
}

static void add_start(sbx_text *out)
{
    sbx_text_add(out, "\nStart here:\n"
                      "  " SBX_PROGRAM_NAME " doctor\n"
                      "  " SBX_PROGRAM_NAME " exec --mem 2G --wall 60s --write . -- make test\n"
                      "  " SBX_PROGRAM_NAME " audit ls --since 1h\n");
}

void sbx_help_format(sbx_text *out, sbx_command_id command, unsigned columns)
{
    size_t width = columns == 0 ? USUAL_COLUMNS : columns;

    width = width > MOST_COLUMNS ? MOST_COLUMNS : width;
    width = width < LEAST_COLUMNS ? LEAST_COLUMNS : width;
    add_usage(out, command, width);
    sbx_help_add_wrapped(out, sbx_commands[command].summary, 0, 0, width);
    add_paragraphs(out, sbx_commands[command].text, width);
    if (command == SBX_COMMAND_MAIN || command == SBX_COMMAND_AUDIT ||
        command == SBX_COMMAND_POLICY) {
        add_commands(out, command, width);
    }
    if (command == SBX_COMMAND_MAIN) {
        add_start(out);
    }
    add_options(out, command, width);
}

int sbx_help_print(sbx_command_id command)
{
    sbx_text text = {0};
    int code;

    sbx_help_format(&text, command, sbx_caller_screen(1).columns);
    code = sbx_message_print(&text);
    sbx_text_done(&text);
    return code;
}
