/* `sbx doctor`: prints what harness/runner/doctor.h found out. */
#include <string.h>

#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"
#include "harness/cli/table.h"
#include "harness/policy/plan.h"
#include "harness/runner/doctor.h"

enum { MOST_LINES = 128 };

static const sbx_column columns[] = {
    {"subject", "SUBJECT", SBX_CELL_TEXT}, {"state", "STATE", SBX_CELL_TEXT},
    {"by", "BY", SBX_CELL_TEXT},           {"detail", "DETAIL", SBX_CELL_TEXT},
    {"fix", NULL, SBX_CELL_TEXT},
};

static sbx_cell text_cell(const char *text)
{
    sbx_cell cell = {.is_null = text == NULL || text[0] == '\0', .text = text};

    cell.text_bytes = cell.is_null ? 0 : strlen(text);
    return cell;
}

static void fill_cells(sbx_cell *cells, const sbx_doctor_line *line)
{
    cells[0] = text_cell(line->subject);
    cells[1] = text_cell(line->state);
    cells[2] = text_cell(line->by);
    cells[3] = text_cell(line->detail);
    cells[4] = text_cell(line->fix);
}

/* Whether there are lines about that, and all of them say "enforced". */
static bool is_enforced_here(const sbx_doctor_line *lines, size_t count, const char *subject,
                             bool must_be_there)
{
    size_t found = 0;

    for (size_t i = 0; i < count; i++) {
        if (strcmp(lines[i].subject, subject) == 0) {
            found++;
            if (strcmp(lines[i].state, "enforced") != 0) {
                return false;
            }
        }
    }
    return found > 0 || !must_be_there;
}

/* What the default policy stands on: every one of these must have been tried and found enforced. */
static bool default_policy_is_enforced(const sbx_doctor_line *lines, size_t count)
{
    static const char *const others[] = {"launch", "kill-on-close", "denials", "audit"};
    static const sbx_wall walls[] = {SBX_WALL_MOUNTS, SBX_WALL_PIDS,     SBX_WALL_IPC,
                                     SBX_WALL_NET,    SBX_WALL_LANDLOCK, SBX_WALL_SECCOMP};

    for (size_t i = 0; i < SBX_COUNT_OF(others); i++) {
        if (!is_enforced_here(lines, count, others[i], true)) {
            return false;
        }
    }
    for (size_t i = 0; i < SBX_COUNT_OF(walls); i++) {
        if (!is_enforced_here(lines, count, sbx_wall_word(walls[i]), true)) {
            return false;
        }
    }
    /* Another uid is only for those who can have one. */
    return is_enforced_here(lines, count, sbx_wall_word(SBX_WALL_UID), false);
}

static void add_json(sbx_text *out, const sbx_doctor_line *lines, size_t count, bool is_enforced)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_bool(&json, "default_policy_enforced", is_enforced);
    sbx_json_open_array(&json, "lines");
    for (size_t i = 0; i < count; i++) {
        sbx_cell cells[SBX_COUNT_OF(columns)];

        fill_cells(cells, &lines[i]);
        sbx_json_open_object(&json, NULL);
        sbx_table_row_to_json(&json, columns, SBX_COUNT_OF(columns), cells);
        sbx_json_close_object(&json);
    }
    sbx_json_close_array(&json);
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

static sbx_status add_table(sbx_text *out, const sbx_doctor_line *lines, size_t count,
                            bool is_enforced, sbx_error *err)
{
    const sbx_screen screen = sbx_caller_screen(1);
    sbx_table table;
    sbx_status status;

    sbx_table_init(&table, columns, SBX_COUNT_OF(columns));
    for (size_t i = 0; i < count; i++) {
        sbx_cell cells[SBX_COUNT_OF(columns)];

        fill_cells(cells, &lines[i]);
        sbx_table_add(&table, cells);
    }
    status = sbx_table_render(out, &table, &screen, err);
    sbx_table_done(&table);
    sbx_text_add(out, "\n");
    for (size_t i = 0; i < count; i++) {
        if (lines[i].fix[0] != '\0') {
            sbx_text_add_format(out, "%s: ", lines[i].subject);
            sbx_text_add_escaped(out, lines[i].fix, strlen(lines[i].fix));
            sbx_text_add(out, "\n");
        }
    }
    sbx_text_add(out, is_enforced ? "The default policy is fully enforced on this host.\n"
                                  : "The default policy is NOT fully enforced on this host.\n");
    return status;
}

static int examine(bool wants_json)
{
    sbx_doctor_line lines[MOST_LINES] = {0};
    size_t count = sbx_doctor_run(lines, SBX_COUNT_OF(lines));
    bool is_enforced = default_policy_is_enforced(lines, count);
    sbx_text text = {0};
    sbx_error err = {0};
    int code = SBX_EXIT_FAILED;

    if (wants_json) {
        add_json(&text, lines, count, is_enforced);
        code = sbx_message_print(&text);
    } else if (add_table(&text, lines, count, is_enforced, &err) != SBX_OK) {
        sbx_message_error("doctor", &err);
    } else {
        code = sbx_message_print(&text);
    }
    sbx_text_done(&text);
    return code == SBX_EXIT_DONE && !is_enforced ? SBX_EXIT_FAILED : code;
}

int sbx_command_doctor(int argc, char **argv)
{
    bool wants_json = false;
    sbx_option_reader reader;
    sbx_token token;
    sbx_error err = {0};

    sbx_option_reader_init(&reader, SBX_COMMAND_DOCTOR, argc, argv);
    for (;;) {
        if (sbx_option_next(&token, &reader, &err) != SBX_OK) {
            sbx_message_error("doctor", &err);
            return SBX_EXIT_USAGE;
        }
        if (token.kind == SBX_TOKEN_END) {
            return examine(wants_json);
        }
        if (token.kind == SBX_TOKEN_OPERAND) {
            (void)sbx_fail_plain(&err, SBX_INVALID, SBX_STEP_OPTIONS,
                                 "\"%s\" is one operand too many", token.value);
            sbx_message_error("doctor", &err);
            return SBX_EXIT_USAGE;
        }
        if (token.option->id == SBX_OPTION_HELP) {
            return sbx_help_print(SBX_COMMAND_DOCTOR);
        }
        wants_json = true;
    }
}
