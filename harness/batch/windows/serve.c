/* There is nothing that could be served yet. */
#include "harness/batch/serve.h"

int sbx_batch_serve(void)
{
    return 2;
}
