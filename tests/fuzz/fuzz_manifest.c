/*
 * Manifests and journals of a batch. The first byte: bit 0 lines instead of JSON, bit 1 a journal. What is accepted is
 * whole: every task has an id that finds it and a spec that is JSON, and what it comes after exists.
 */
#include "harness/batch/journal.h"
#include "tests/fuzz/fuzz.h"

static void check_task(const sbx_manifest *manifest, uint32_t task)
{
    const sbx_manifest_task *it = &manifest->tasks[task];
    sbx_text spec = {0};
    sbx_error err = {0};
    json_t *parsed;

    SBX_FUZZ_MUST(sbx_manifest_find(manifest, sbx_manifest_id(manifest, task)) == task);
    for (uint32_t i = 0; i < it->after_count; i++)
        SBX_FUZZ_MUST(manifest->after[it->after_at + i] < manifest->count);
    SBX_FUZZ_MUST(it->group == SBX_MANIFEST_NONE || it->group < manifest->group_count);
    SBX_FUZZ_MUST(sbx_manifest_spec(&spec, manifest, task, &err) == SBX_OK);
    parsed = json_loadb(spec.data, spec.bytes, 0, NULL);
    SBX_FUZZ_MUST(json_is_object(parsed));
    json_decref(parsed);
    sbx_text_done(&spec);
}

static void read_manifest(FILE *file, bool is_lines)
{
    const sbx_manifest_options options = {
        .where = "fuzz.jsonl", .base_dir = "/proc/self/fdinfo/none", .is_lines = is_lines};
    sbx_manifest manifest = {0};
    sbx_error err = {0};

    if (sbx_manifest_read(&manifest, file, &options, &err) == SBX_OK) {
        SBX_FUZZ_MUST(manifest.count > 0);
        for (uint32_t i = 0; i < manifest.count; i++)
            check_task(&manifest, i);
    } else {
        SBX_FUZZ_MUST(err.message[0] != '\0');
    }
    sbx_manifest_done(&manifest);
}

static sbx_status see_line(void *context, const sbx_journal_line *line, sbx_error *err)
{
    (void)err;
    SBX_FUZZ_MUST(json_is_object(line->object));
    SBX_FUZZ_MUST(line->at + line->bytes <= *(const size_t *)context);
    return SBX_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned kind = (unsigned)sbx_fuzz_take(&data, &size, 1);
    uint64_t good_bytes = 0;
    sbx_error err = {0};
    FILE *file;

    if (size == 0)
        return 0;
    file = fmemopen((void *)(uintptr_t)data, size, "r");
    SBX_FUZZ_MUST(file != NULL);
    if (kind & 2) {
        if (sbx_journal_read(&good_bytes, file, see_line, &size, &err) == SBX_OK)
            SBX_FUZZ_MUST(good_bytes <= size);
    } else {
        read_manifest(file, (kind & 1) != 0);
    }
    fclose(file);
    return 0;
}
