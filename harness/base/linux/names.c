/* See names.h. glibc has functions for that, musl has none. */
#include "harness/base/linux/names.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "harness/base/compiler.h"
#include "harness/base/error.h"

/* clang-format off */
/* What a probe or a wall answers. */
static const struct {
    int code;
    const char *name;
} errors[] = {
#define X(name) {name, #name},
    X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) X(ENOEXEC) X(EBADF) X(ECHILD)
    X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) X(ENOTDIR)
    X(EISDIR) X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG) X(ENOSPC) X(ESPIPE)
    X(EROFS) X(EMLINK) X(EPIPE) X(ERANGE) X(EDEADLK) X(ENAMETOOLONG) X(ENOSYS) X(ENOTEMPTY)
    X(ELOOP) X(ENODATA) X(EIDRM) X(EOVERFLOW) X(EUSERS) X(ENOTSOCK) X(EMSGSIZE) X(EPROTOTYPE)
    X(EPROTONOSUPPORT) X(ESOCKTNOSUPPORT) X(EOPNOTSUPP) X(EPFNOSUPPORT) X(EAFNOSUPPORT)
    X(EADDRINUSE) X(EADDRNOTAVAIL) X(ENETDOWN) X(ENETUNREACH) X(ECONNABORTED) X(ECONNRESET)
    X(ENOBUFS) X(ENOTCONN) X(ETIMEDOUT) X(ECONNREFUSED) X(EHOSTUNREACH) X(ESTALE) X(EDQUOT)
#undef X
};

static const struct {
    int number;
    const char *name;
} signals[] = {
#define X(name) {SIG##name, #name},
    X(HUP) X(INT) X(QUIT) X(ILL) X(TRAP) X(ABRT) X(BUS) X(FPE) X(KILL) X(USR1) X(SEGV) X(USR2)
    X(PIPE) X(ALRM) X(TERM) X(STKFLT) X(CHLD) X(CONT) X(STOP) X(TSTP) X(TTIN) X(TTOU) X(URG)
    X(XCPU) X(XFSZ) X(VTALRM) X(PROF) X(WINCH) X(POLL) X(PWR) X(SYS)
#undef X
};
/* clang-format on */

const char *sbx_errno_name(int code)
{
    for (size_t i = 0; i < SBX_COUNT_OF(errors); i++)
        if (errors[i].code == code)
            return errors[i].name;
    return sbx_os_text(SBX_OS_ERRNO, code);
}

const char *sbx_signal_name(int number)
{
    for (size_t i = 0; i < SBX_COUNT_OF(signals); i++)
        if (signals[i].number == number)
            return signals[i].name;
    return NULL;
}
