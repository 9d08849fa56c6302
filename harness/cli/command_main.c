/* `sbx` without a command word: --version, --help, --dump-options. */
#include "harness/base/json.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/help.h"
#include "harness/cli/libraries.h"
#include "harness/cli/message.h"
#include "harness/cli/option.h"

/* The build names it; one that does not has assertions or has not. */
#ifndef SBX_BUILD_TYPE
#ifdef NDEBUG
#define SBX_BUILD_TYPE "Release"
#else
#define SBX_BUILD_TYPE "Debug"
#endif
#endif

static void add_version_json(sbx_text *out)
{
    sbx_json json;

    sbx_json_init(&json, out);
    sbx_json_open_object(&json, NULL);
    sbx_json_string(&json, "program", SBX_PROGRAM_NAME);
    sbx_json_string(&json, "version", SBX_VERSION);
    for (size_t i = 0; i < sbx_libraries_count; i++) {
        sbx_json_string(&json, sbx_libraries[i].name, sbx_libraries[i].version());
    }
    sbx_json_string(&json, "compiler", sbx_compiler_version());
    sbx_json_string(&json, "build_type", SBX_BUILD_TYPE);
    sbx_json_bool(&json, "static", sbx_program_is_static());
    sbx_json_close_object(&json);
    sbx_text_add(out, "\n");
}

static void add_version(sbx_text *out)
{
    sbx_text_add(out, SBX_PROGRAM_NAME " " SBX_VERSION "\n");
    for (size_t i = 0; i < sbx_libraries_count; i++) {
        sbx_text_add_format(out, "%s%s %s", i == 0 ? "" : ", ", sbx_libraries[i].name,
                            sbx_libraries[i].version());
    }
    sbx_text_add_format(out, "\n%s, %s build, %s\n", sbx_compiler_version(), SBX_BUILD_TYPE,
                        sbx_program_is_static() ? "static" : "dynamic");
}

int sbx_command_main(int argc, char **argv)
{
    bool wants_version = false, wants_json = false, wants_dump = false, wants_help = false;
    sbx_option_reader reader;
    sbx_token token;
    sbx_text text = {0};
    sbx_error err = {0};
    int code;

    sbx_option_reader_init(&reader, SBX_COMMAND_MAIN, argc, argv);
    do {
        if (sbx_option_next(&token, &reader, &err) != SBX_OK) {
            sbx_message_error(NULL, &err);
            return SBX_EXIT_USAGE;
        }
        if (token.kind == SBX_TOKEN_OPTION) {
            wants_version = wants_version || token.option->id == SBX_OPTION_VERSION;
            wants_json = wants_json || token.option->id == SBX_OPTION_JSON;
            wants_dump = wants_dump || token.option->id == SBX_OPTION_DUMP_OPTIONS;
            wants_help = wants_help || token.option->id == SBX_OPTION_HELP;
        }
    } while (token.kind == SBX_TOKEN_OPTION);
    if (wants_help) {
        return sbx_help_print(SBX_COMMAND_MAIN);
    }
    if (wants_dump) {
        sbx_option_dump(&text);
    } else if (wants_version && wants_json) {
        add_version_json(&text);
    } else if (wants_version) {
        add_version(&text);
    } else {
        sbx_help_format(&text, SBX_COMMAND_MAIN, sbx_caller_screen(2).columns);
        sbx_message_write(&text);
        sbx_text_done(&text);
        return SBX_EXIT_USAGE;
    }
    code = sbx_message_print(&text);
    sbx_text_done(&text);
    return code;
}
