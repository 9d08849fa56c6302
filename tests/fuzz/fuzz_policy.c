/* A policy file: refused with the place of the fault, or merged into a policy that prints as JSON. */
#include <jansson.h>

#include "harness/policy/policy.h"
#include "tests/fuzz/fuzz.h"

static void check_printed(const sbx_policy *policy)
{
    sbx_text printed = {0};
    json_error_t error;
    json_t *parsed;

    sbx_policy_to_json(&printed, policy);
    SBX_FUZZ_MUST(!printed.failed);
    parsed = json_loadb(printed.data, printed.bytes, JSON_REJECT_DUPLICATES, &error);
    SBX_FUZZ_MUST(json_is_object(parsed));
    json_decref(parsed);
    sbx_text_done(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = sbx_fuzz_text(data, size);
    sbx_policy policy = {0};
    sbx_error err = {0};
    sbx_status status;

    sbx_policy_init(&policy);
    /* A directory that does not exist: "extends" finds no file there. */
    status = sbx_policy_parse(&policy, text, size, "fuzz.json", "/proc/self/fdinfo/none", &err);
    if (status == SBX_OK)
        check_printed(&policy);
    else
        SBX_FUZZ_MUST(err.message[0] != '\0');
    sbx_policy_done(&policy);
    free(text);
    return 0;
}
