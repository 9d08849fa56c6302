/* See secret_patterns.h. */
#include "harness/cli/secret_patterns.h"

#include <stdlib.h>

#include "harness/policy/redaction_file.h"

sbx_status sbx_secret_patterns_load(sbx_redaction **out, const char *file, sbx_error *err)
{
    sbx_redaction_file patterns = {0};
    char *usual = NULL;
    bool exists = true;
    sbx_status status = SBX_OK;

    *out = NULL;
    if (file == NULL) {
        status = sbx_redaction_default_path(&usual, err);
        if (status != SBX_OK || usual == NULL) {
            return status;
        }
    }
    status = sbx_redaction_file_read(&patterns, file == NULL ? &exists : NULL,
                                     file == NULL ? usual : file, err);
    if (status == SBX_OK && exists) {
        status = sbx_redaction_create(
            out,
            &(sbx_redaction_patterns){.names = (const char *const *)patterns.names.item,
                                      .name_count = patterns.names.count,
                                      .words = (const char *const *)patterns.words.item,
                                      .word_count = patterns.words.count,
                                      .without_built_in = patterns.without_built_in},
            err);
        if (status != SBX_OK) {
            sbx_error_context(err, "%s", file == NULL ? usual : file);
        }
    }
    sbx_redaction_file_done(&patterns);
    free(usual);
    return status;
}
