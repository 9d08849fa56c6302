/* What is made of the results when a batch has ended. */
#include "harness/batch/linux/batch_parts.h"

sbx_status sbx_batch_write_reports(const sbx_batch *batch, sbx_error *err)
{
    sbx_text text = {0};
    sbx_status st;

    if (batch->directory.fd < 0)
        return SBX_OK;
    sbx_batch_summary(&text, batch);
    st = sbx_text_check(&text, err);
    if (st == SBX_OK)
        st = sbx_directory_put(&batch->directory, "summary.json", &text, err);
    sbx_text_done(&text);
    return st;
}
