/* See fuse_server.h. A node is a descriptor that was opened by O_PATH; its number for the kernel is its place, from 1. */
#include "tests/support/fuse_server.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/support/place.h"

enum { NODES_MAX = 256, DATA_MAX = 128 * 1024, HEAD_ROOM = 4096, OPCODES = 64 };

typedef struct server {
    int device;
    sbx_test_fuse_orders *orders;
    int node[NODES_MAX];
    size_t node_count;
} server;

/* What is asked: its node's descriptor, the words for that call, and a name (two for a rename) behind them. */
typedef struct call {
    const struct fuse_in_header *header;
    int node;
    const void *words;
} call;

typedef struct answer {
    size_t bytes;
    _Alignas(8) unsigned char data[DATA_MAX];
} answer;

static void *give(answer *out, size_t bytes)
{
    out->bytes = bytes;
    memset(out->data, 0, bytes);
    return out->data;
}

/* What a descriptor of O_PATH cannot be asked for goes by its name. */
static const char *path_of(int node)
{
    static char path[64];

    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", node);
    return path;
}

static int node_of(const server *self, uint64_t number)
{
    return number >= 1 && number <= self->node_count ? self->node[number - 1] : -1;
}

/* ---- names and attributes -------------------------------------------------------------------- */

static void fill_attributes(struct fuse_attr *out, const struct stat *info)
{
    *out = (struct fuse_attr){.ino = info->st_ino,
                              .size = (uint64_t)info->st_size,
                              .blocks = (uint64_t)info->st_blocks,
                              .atime = (uint64_t)info->st_atim.tv_sec,
                              .mtime = (uint64_t)info->st_mtim.tv_sec,
                              .ctime = (uint64_t)info->st_ctim.tv_sec,
                              .atimensec = (uint32_t)info->st_atim.tv_nsec,
                              .mtimensec = (uint32_t)info->st_mtim.tv_nsec,
                              .ctimensec = (uint32_t)info->st_ctim.tv_nsec,
                              .mode = info->st_mode,
                              .nlink = (uint32_t)info->st_nlink,
                              .uid = info->st_uid,
                              .gid = info->st_gid,
                              .blksize = (uint32_t)info->st_blksize};
}

/* The same file is the same node, whatever it is called; what a node holds open is no other file meanwhile. */
static int find_node(server *self, int fd, const struct stat *info, uint64_t *out_number)
{
    for (size_t i = 0; i < self->node_count; i++) {
        struct stat known;

        if (fstat(self->node[i], &known) == 0 && known.st_dev == info->st_dev &&
            known.st_ino == info->st_ino) {
            close(fd);
            *out_number = i + 1;
            return 0;
        }
    }
    if (self->node_count == NODES_MAX) {
        close(fd);
        return ENFILE;
    }
    self->node[self->node_count++] = fd;
    *out_number = self->node_count;
    return 0;
}

static int enter(server *self, int directory, const char *name, struct fuse_entry_out *out)
{
    int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat info;

    if (fd < 0 || fstat(fd, &info) != 0)
        return errno;
    fill_attributes(&out->attr, &info);
    return find_node(self, fd, &info, &out->nodeid);
}

static int do_lookup(server *self, const call *asked, answer *out)
{
    return enter(self, asked->node, asked->words, give(out, sizeof(struct fuse_entry_out)));
}

static int do_getattr(server *self, const call *asked, answer *out)
{
    struct fuse_attr_out *said = give(out, sizeof(*said));
    struct stat info;

    (void)self;
    if (fstat(asked->node, &info) != 0)
        return errno;
    fill_attributes(&said->attr, &info);
    return 0;
}

static struct timespec time_of(const struct fuse_setattr_in *in, unsigned set, unsigned now,
                               uint64_t seconds, uint32_t nanoseconds)
{
    long part = (in->valid & now) != 0 ? UTIME_NOW : UTIME_OMIT;

    return (in->valid & set) != 0 && part == UTIME_OMIT
               ? (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds}
               : (struct timespec){.tv_nsec = part};
}

static int do_setattr(server *self, const call *asked, answer *out)
{
    const struct fuse_setattr_in *in = asked->words;
    const char *path = path_of(asked->node);
    const struct timespec times[2] = {
        time_of(in, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec),
        time_of(in, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec)};

    if ((in->valid & FATTR_MODE) != 0 && chmod(path, in->mode & 07777) != 0)
        return errno;
    if ((in->valid & (FATTR_UID | FATTR_GID)) != 0 &&
        chown(path, (in->valid & FATTR_UID) != 0 ? in->uid : (uid_t)-1,
              (in->valid & FATTR_GID) != 0 ? in->gid : (gid_t)-1) != 0)
        return errno;
    if ((in->valid & FATTR_SIZE) != 0 && truncate(path, (off_t)in->size) != 0)
        return errno;
    if (utimensat(AT_FDCWD, path, times, 0) != 0)
        return errno;
    return do_getattr(self, asked, out);
}

static int do_mkdir(server *self, const call *asked, answer *out)
{
    const struct fuse_mkdir_in *in = asked->words;
    const char *name = (const char *)(in + 1);

    if (mkdirat(asked->node, name, in->mode & 07777) != 0)
        return errno;
    return enter(self, asked->node, name, give(out, sizeof(struct fuse_entry_out)));
}

static int do_unlink(server *self, const call *asked, answer *out)
{
    int flags = asked->header->opcode == FUSE_RMDIR ? AT_REMOVEDIR : 0;

    (void)self;
    (void)out;
    return unlinkat(asked->node, asked->words, flags) == 0 ? 0 : errno;
}

static int do_rename(server *self, const call *asked, answer *out)
{
    const struct fuse_rename2_in *in = asked->words; /* the older call's words are its first ones */
    bool is_new = asked->header->opcode == FUSE_RENAME2;
    const char *from =
        (const char *)asked->words + (is_new ? sizeof(*in) : sizeof(struct fuse_rename_in));
    const char *to = from + strlen(from) + 1;

    (void)out;
    return renameat2(asked->node, from, node_of(self, in->newdir), to, is_new ? in->flags : 0) == 0
               ? 0
               : errno;
}

/* ---- open files ------------------------------------------------------------------------------ */

static int give_file(int fd, struct fuse_open_out *out)
{
    out->fh = (uint64_t)fd;
    return fd < 0 ? errno : 0;
}

static int do_open(server *self, const call *asked, answer *out)
{
    const struct fuse_open_in *in = asked->words;
    int flags = (int)in->flags & (O_ACCMODE | O_TRUNC | O_DIRECTORY);

    (void)self;
    return give_file(open(path_of(asked->node), flags | O_CLOEXEC),
                     give(out, sizeof(struct fuse_open_out)));
}

static int do_create(server *self, const call *asked, answer *out)
{
    const struct fuse_create_in *in = asked->words;
    const char *name = (const char *)(in + 1);
    int flags =
        ((int)in->flags & (O_ACCMODE | O_TRUNC | O_EXCL)) | O_CREAT | O_NOFOLLOW | O_CLOEXEC;
    struct {
        struct fuse_entry_out entry;
        struct fuse_open_out file;
    } *said = give(out, sizeof(*said));
    int error = give_file(openat(asked->node, name, flags, in->mode & 07777), &said->file);

    return error != 0 ? error : enter(self, asked->node, name, &said->entry);
}

static int do_read(server *self, const call *asked, answer *out)
{
    const struct fuse_read_in *in = asked->words;
    size_t bytes = in->size < DATA_MAX ? in->size : DATA_MAX;
    ssize_t got = pread((int)in->fh, out->data, bytes, (off_t)in->offset);

    (void)self;
    out->bytes = got > 0 ? (size_t)got : 0;
    return got < 0 ? errno : 0;
}

static int do_write(server *self, const call *asked, answer *out)
{
    const struct fuse_write_in *in = asked->words;
    struct fuse_write_out *said = give(out, sizeof(*said));
    ssize_t put = pwrite((int)in->fh, in + 1, in->size, (off_t)in->offset);

    (void)self;
    said->size = put > 0 ? (uint32_t)put : 0;
    return put < 0 ? errno : 0;
}

/* Names as the kernel below gives them, each with a longer head: as many as fit, and the rest at their own offsets. */
static int do_readdir(server *self, const call *asked, answer *out)
{
    const struct fuse_read_in *in = asked->words;
    size_t room = in->size < DATA_MAX ? in->size : DATA_MAX;
    struct record {
        uint64_t number;
        int64_t next;
        unsigned short bytes;
        unsigned char type;
        char name[];
    };
    static _Alignas(8) char block[16384];
    long got;

    (void)self;
    if (lseek((int)in->fh, (off_t)in->offset, SEEK_SET) < 0 ||
        (got = syscall(SYS_getdents64, (int)in->fh, block, sizeof(block))) < 0)
        return errno;
    for (long at = 0; at < got;) {
        const struct record *from = (const struct record *)(block + at);
        struct fuse_dirent *to = (struct fuse_dirent *)(out->data + out->bytes);
        size_t length = strlen(from->name), bytes = FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + length);

        if (out->bytes + bytes > room)
            break;
        memset(to, 0, bytes);
        *to = (struct fuse_dirent){.ino = from->number,
                                   .off = (uint64_t)from->next,
                                   .namelen = (uint32_t)length,
                                   .type = from->type};
        memcpy(to->name, from->name, length);
        out->bytes += bytes;
        at += from->bytes;
    }
    return 0;
}

static int do_fsync(server *self, const call *asked, answer *out)
{
    const struct fuse_fsync_in *in = asked->words;

    (void)self;
    (void)out;
    return fsync((int)in->fh) == 0 ? 0 : errno;
}

static int do_release(server *self, const call *asked, answer *out)
{
    const struct fuse_release_in *in = asked->words;

    (void)self;
    (void)out;
    close((int)in->fh);
    return 0;
}

static int do_nothing(server *self, const call *asked, answer *out)
{
    (void)self;
    (void)asked;
    (void)out;
    return 0;
}

/* ---- the file system itself ------------------------------------------------------------------ */

static int do_statfs(server *self, const call *asked, answer *out)
{
    struct fuse_statfs_out *said = give(out, sizeof(*said));
    struct statvfs about;

    (void)self;
    if (fstatvfs(asked->node, &about) != 0)
        return errno;
    said->st = (struct fuse_kstatfs){.blocks = about.f_blocks,
                                     .bfree = about.f_bfree,
                                     .bavail = about.f_bavail,
                                     .files = about.f_files,
                                     .ffree = about.f_ffree,
                                     .bsize = (uint32_t)about.f_bsize,
                                     .namelen = (uint32_t)about.f_namemax,
                                     .frsize = (uint32_t)about.f_frsize};
    return 0;
}

/* Of what the kernel offers only that writes may be as large as its pages allow; no pages are read ahead of use. */
static int do_init(server *self, const call *asked, answer *out)
{
    const struct fuse_init_in *in = asked->words;
    struct fuse_init_out *said = give(out, sizeof(*said));

    (void)self;
    if (in->major != FUSE_KERNEL_VERSION || in->minor < 31)
        return EPROTO;
    *said = (struct fuse_init_out){.major = FUSE_KERNEL_VERSION,
                                   .minor = 31,
                                   .flags = FUSE_BIG_WRITES,
                                   .max_background = 1,
                                   .congestion_threshold = 1,
                                   .max_write = DATA_MAX - HEAD_ROOM,
                                   .time_gran = 1};
    return 0;
}

static int (*const doers[OPCODES])(server *, const call *, answer *) = {
    [FUSE_INIT] = do_init,          [FUSE_LOOKUP] = do_lookup,  [FUSE_GETATTR] = do_getattr,
    [FUSE_SETATTR] = do_setattr,    [FUSE_MKDIR] = do_mkdir,    [FUSE_UNLINK] = do_unlink,
    [FUSE_RMDIR] = do_unlink,       [FUSE_RENAME] = do_rename,  [FUSE_RENAME2] = do_rename,
    [FUSE_OPEN] = do_open,          [FUSE_OPENDIR] = do_open,   [FUSE_CREATE] = do_create,
    [FUSE_READ] = do_read,          [FUSE_WRITE] = do_write,    [FUSE_READDIR] = do_readdir,
    [FUSE_FSYNC] = do_fsync,        [FUSE_FSYNCDIR] = do_fsync, [FUSE_RELEASE] = do_release,
    [FUSE_RELEASEDIR] = do_release, [FUSE_FLUSH] = do_nothing,  [FUSE_DESTROY] = do_nothing,
    [FUSE_STATFS] = do_statfs,
};

/* ---- answering ------------------------------------------------------------------------------- */

/* What is to happen to this call before anything is looked at: an errno, or 0. Beginning and end of a mount are not counted. */
static int obey(sbx_test_fuse_orders *orders, uint32_t opcode)
{
    unsigned long number;

    if (opcode == FUSE_INIT || opcode == FUSE_DESTROY)
        return 0;
    number = atomic_fetch_add(&orders->asked, 1) + 1;
    if (number == atomic_load(&orders->fails_at)) {
        if (atomic_load(&orders->error_then) == 0)
            _exit(0);
        atomic_store(&orders->error, atomic_load(&orders->error_then));
    }
    if (atomic_load(&orders->delay_ms) != 0)
        sbx_test_pause_ms(atomic_load(&orders->delay_ms));
    while (atomic_load(&orders->is_stuck))
        sbx_test_pause_ms(5);
    if (opcode == FUSE_FSYNC && atomic_load(&orders->error) == 0)
        return atomic_load(&orders->sync_error);
    return atomic_load(&orders->error);
}

static int carry_out(server *self, const call *asked, answer *out)
{
    uint32_t opcode = asked->header->opcode;

    out->bytes = 0;
    if (opcode >= OPCODES || doers[opcode] == NULL)
        return ENOSYS;
    return asked->node < 0 && opcode != FUSE_INIT && opcode != FUSE_DESTROY
               ? ESTALE
               : doers[opcode](self, asked, out);
}

static void reply(const server *self, const call *asked, int error, const answer *out)
{
    static unsigned char packet[sizeof(struct fuse_out_header) + DATA_MAX];
    size_t bytes = error != 0 ? 0 : out->bytes;
    struct fuse_out_header head = {
        .len = (uint32_t)(sizeof(head) + bytes), .error = -error, .unique = asked->header->unique};

    memcpy(packet, &head, sizeof(head));
    memcpy(packet + sizeof(head), out->data, bytes);
    (void)!write(self->device, packet, head.len); /* ENOENT: nobody waits for it any more */
}

_Noreturn void sbx_test_fuse_serve(int device, int directory, sbx_test_fuse_orders *orders)
{
    static server self;
    static answer out;
    static _Alignas(8) unsigned char packet[DATA_MAX + HEAD_ROOM];

    self = (server){.device = device, .orders = orders, .node = {directory}, .node_count = 1};
    for (;;) {
        ssize_t bytes = read(device, packet, sizeof(packet));
        const struct fuse_in_header *header = (const struct fuse_in_header *)packet;
        call asked = {.header = header, .words = header + 1};
        int error;

        if (bytes < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT))
            continue;
        if (bytes < (ssize_t)sizeof(*header))
            _exit(0); /* unmounted, or cut off */
        if (header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET ||
            header->opcode == FUSE_INTERRUPT)
            continue; /* nobody waits for an answer to these */
        asked.node = node_of(&self, header->nodeid);
        error = obey(orders, header->opcode);
        if (error == 0)
            error = carry_out(&self, &asked, &out);
        reply(&self, &asked, error, &out);
    }
}
