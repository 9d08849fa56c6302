/* `sbx batch run`: options, manifest, batch, then what became of it. */
#include <stdio.h>
#include <string.h>

#include "harness/base/file.h"
#include "harness/base/path.h"
#include "harness/base/units.h"
#include "harness/cli/batch_request.h"
#include "harness/cli/caller.h"
#include "harness/cli/command.h"
#include "harness/cli/damaged.h"
#include "harness/cli/help.h"
#include "harness/cli/message.h"
#include "harness/cli/progress.h"

enum { EXIT_SOME_FAILED = 100, EXIT_INTERRUPTED = 130 };

typedef struct batch_command {
    sbx_batch_request request;
    sbx_text base_dir;
    sbx_progress progress;
    sbx_error err;
} batch_command;

/* --- while it runs, and what became of it --- */

static void show_ended(void *context, const sbx_batch_notice *notice)
{
    batch_command *self = context;

    sbx_progress_ended(&self->progress, notice);
}

static void show_tick(void *context, const sbx_batch *batch)
{
    batch_command *self = context;

    sbx_progress_tick(&self->progress, batch);
}

static void add_count(sbx_text *line, uint32_t count, const char *what)
{
    if (count > 0) {
        sbx_text_add_format(line, ", %u %s", count, what);
    }
}

static void print_summary(const batch_command *self, const sbx_batch *batch)
{
    const sbx_batch_counts *counts = sbx_batch_counted(batch);
    sbx_text line = {0};

    if (self->request.wants_json) {
        sbx_batch_summary(&line, batch);
        (void)sbx_message_print(&line);
    } else if (!self->request.is_quiet) {
        sbx_text_add_format(&line, "batch %s: %u passed", sbx_batch_id(batch), counts->passed);
        add_count(&line, counts->failed, "failed");
        add_count(&line, counts->errors, "errors");
        add_count(&line, counts->skipped, "skipped");
        add_count(&line, counts->not_run, "not run");
        add_count(&line, counts->flaky, "flaky");
        add_count(&line, counts->settled, "of them before");
        sbx_text_add(&line, "; ");
        sbx_format_duration(&line, sbx_batch_elapsed_ns(batch));
        if (sbx_batch_stopped(batch)[0] != '\0') {
            sbx_text_add_format(&line, " (%s)", sbx_batch_stopped(batch));
        }
        sbx_text_add(&line, "\n");
        sbx_message_write(&line);
    }
    sbx_text_done(&line);
}

/* --- the manifest --- */

/* The directory that relative paths are relative to: the manifest's, the caller's for lines and for stdin. */
static sbx_status find_base(batch_command *self)
{
    const char *manifest = self->request.manifest;
    sbx_text path = {0};
    sbx_status status;

    if (strcmp(manifest, "-") == 0 || self->request.is_lines) {
        status = sbx_caller_absolute(&path, ".", &self->err);
    } else {
        status = sbx_caller_absolute(&path, manifest, &self->err);
        sbx_text_add(&path, "/..");
    }
    if (status == SBX_OK) {
        status = sbx_path_clean(&self->base_dir, NULL, sbx_text_string(&path), &self->err);
    }
    sbx_text_done(&path);
    return status;
}

static FILE *open_manifest(batch_command *self)
{
    const char *manifest = self->request.manifest;

    return strcmp(manifest, "-") == 0 ? sbx_file_stdin()
                                      : sbx_file_open(manifest, SBX_STEP_BATCH, &self->err);
}

static sbx_manifest_options manifest_options(const batch_command *self)
{
    const char *manifest = self->request.manifest;

    return (sbx_manifest_options){.where = strcmp(manifest, "-") == 0 ? "stdin" : manifest,
                                  .base_dir = sbx_text_string(&self->base_dir),
                                  .overrides = sbx_text_string(&self->request.overrides),
                                  .is_lines = self->request.is_lines};
}

/* --- the command --- */

static int exit_code(const sbx_batch *batch)
{
    const sbx_batch_counts *counts = sbx_batch_counted(batch);

    if (sbx_batch_interrupted(batch) != 0) {
        return EXIT_INTERRUPTED;
    }
    if (counts->errors > 0) {
        return SBX_EXIT_SBX;
    }
    return counts->failed + counts->skipped + counts->not_run > 0 ? EXIT_SOME_FAILED
                                                                  : SBX_EXIT_DONE;
}

static int fail(batch_command *self)
{
    sbx_message_error("batch", &self->err);
    return self->err.status == SBX_INVALID ? SBX_EXIT_USAGE : SBX_EXIT_SBX;
}

static int run_batch(batch_command *self, FILE *file)
{
    sbx_batch_watcher watcher = {.ended = show_ended, .context = self};
    const sbx_manifest_options options = manifest_options(self);
    sbx_batch *batch = NULL;
    int code = SBX_EXIT_SBX;
    sbx_status status;

    if (self->request.options.audit_path != NULL) {
        sbx_damaged_look(self->request.options.audit_path);
    }
    status = sbx_batch_create(&batch, &self->request.options, &self->err);
    if (status == SBX_OK) {
        status = sbx_batch_load(batch, file, &options, &self->err);
    }
    if (status == SBX_OK) {
        sbx_progress_begin(&self->progress,
                           self->request.is_quiet ? SBX_PROGRESS_NONE : self->request.progress);
        watcher.tick = self->progress.mode == SBX_PROGRESS_BAR ? show_tick : NULL;
        status = sbx_batch_run(batch, &watcher, &self->err);
        sbx_progress_end(&self->progress);
    }
    if (status == SBX_OK) {
        status = sbx_batch_write_reports(batch, &self->err);
    }
    if (status == SBX_OK) {
        print_summary(self, batch);
        code = exit_code(batch);
    } else {
        code = fail(self);
    }
    sbx_batch_free(batch);
    return code;
}

/* Everything that can be wrong with a manifest, without running anything. */
static int check_manifest(batch_command *self, FILE *file)
{
    const sbx_manifest_options options = manifest_options(self);
    sbx_manifest manifest;
    sbx_text line = {0};
    int code;

    if (sbx_manifest_read(&manifest, file, &options, &self->err) != SBX_OK) {
        return fail(self);
    }
    sbx_text_add_format(&line, "%u tasks\n", manifest.count);
    code = sbx_message_print(&line);
    sbx_text_done(&line);
    sbx_manifest_done(&manifest);
    return code;
}

static int execute(batch_command *self, int argc, char **argv)
{
    FILE *file;
    int code;

    if (sbx_batch_request_read(&self->request, argc, argv, &self->err) != SBX_OK) {
        return fail(self);
    }
    if (self->request.wants_help) {
        return sbx_help_print(SBX_COMMAND_BATCH_RUN);
    }
    if (find_base(self) != SBX_OK) {
        return fail(self);
    }
    file = open_manifest(self);
    if (file == NULL) {
        return fail(self);
    }
    code = self->request.dry_run ? check_manifest(self, file) : run_batch(self, file);
    if (file != stdin) {
        (void)fclose(file);
    }
    return code;
}

int sbx_command_batch_run(int argc, char **argv)
{
    batch_command self = {0};
    int code = execute(&self, argc, argv);

    sbx_text_done(&self.base_dir);
    sbx_batch_request_done(&self.request);
    return code;
}

int sbx_command_batch(int argc, char **argv)
{
    sbx_text text = {0};

    if (argc > 0 && (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0)) {
        return sbx_help_print(SBX_COMMAND_BATCH);
    }
    if (argc > 0) {
        return sbx_command_unknown(SBX_COMMAND_BATCH, argv[0]);
    }
    sbx_help_format(&text, SBX_COMMAND_BATCH, sbx_caller_screen(2).columns);
    sbx_message_write(&text);
    sbx_text_done(&text);
    return SBX_EXIT_USAGE;
}
