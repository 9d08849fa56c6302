/* A denial as JSON; see denial_json.h. */
#include "audit/denial_json.h"

void sbx_denial_to_json(sbx_json *json, const sbx_denial *denial)
{
    sbx_json_open_object(json, NULL);
    sbx_json_string(json, "class", sbx_denial_class_word(denial->kind));
    sbx_json_string(json, "op", denial->op);
    sbx_json_bytes(json, "target", denial->target, denial->target_bytes);
    if (!sbx_utf8_is_valid(denial->target, denial->target_bytes))
        sbx_json_hex(json, "target_hex", denial->target, denial->target_bytes);
    sbx_json_signed(json, "pid", denial->pid);
    sbx_json_string(json, "exe", denial->exe);
    sbx_json_signed(json, "errno", denial->error);
    sbx_json_string(json, "rule", denial->rule);
    sbx_json_string(json, "source", sbx_denial_source_word(denial->source));
    sbx_json_string(json, "confidence", sbx_confidence_word(denial->confidence));
    sbx_json_unsigned(json, "count", denial->count);
    sbx_json_close_object(json);
}
