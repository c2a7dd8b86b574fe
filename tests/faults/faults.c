/* Makes one call that changes a file below a folder fail, in this process: cc -shared -fPIC -o faults.so faults.c -ldl
 *
 * LD_PRELOAD puts these functions before libc's, for Python and for the libraries in C, C++ and Rust alike. fault_arm() says below which
 * folder calls are counted, which of them fails, with which errno, and whether all later ones fail as well. A write that fails for want of
 * room first writes half of its bytes, as a disk does. What libc calls inside itself (the buffers of fwrite) is not seen.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX], last[64];
static __thread char place[PATH_MAX * 2];
static long count, fails_at;
static int number, onwards, armed, torn = -1, trace = -1;

void fault_arm(const char *folder, long at, int error, int all_later) {
    strncpy(root, folder, sizeof root - 1);
    count = 0; fails_at = at; number = error; onwards = all_later; torn = -1; last[0] = 0; armed = 1;
}
/* Each call that counts is written to this descriptor: "name path". */
void fault_trace(int fd) { trace = fd; }
void fault_disarm(void) { armed = 0; trace = -1; }
long fault_count(void) { return count; }
const char *fault_last(void) { return last; }

static int below(const char *path) {
    if (strncmp(path, root, strlen(root))) return 0;
    strncpy(place, path, sizeof place - 1);
    return 1;
}

static int counts_path(int folder, const char *path) {
    char whole[PATH_MAX * 2], link[64];
    if (!armed || !path) return 0;
    if (path[0] == '/') return below(path);
    if (folder == AT_FDCWD) { if (!getcwd(whole, PATH_MAX)) return 0; }
    else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t n = readlink(link, whole, PATH_MAX - 1);
        if (n < 0) return 0;
        whole[n] = 0;
    }
    if (!below(whole)) return 0;
    snprintf(place, sizeof place, "%.*s/%s", (int)(sizeof place / 2 - 2), whole, path);
    return 1;
}

static int counts_fd(int fd) {
    char link[64], path[PATH_MAX];
    if (!armed) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    return below(path);
}

/* Whether this call, which counts, is one that fails. A full disk lets files be removed. */
static int fails(const char *name, int removes) {
    if (removes && number == ENOSPC) return 0;
    long now = __sync_add_and_fetch(&count, 1);
    if (trace >= 0) {
        char line[PATH_MAX * 2 + 80];
        int size = snprintf(line, sizeof line, "%ld %s %s\n", now, name, place);
        syscall(SYS_write, trace, line, size);
    }
    if (!fails_at || !(now == fails_at || (onwards && now > fails_at))) return 0;
    strncpy(last, name, sizeof last - 1);
    errno = number;
    return 1;
}

#define REAL(name, like) static __typeof__(like) *real; if (!real) real = (__typeof__(like) *)dlsym(RTLD_NEXT, name)

static int writes(int flags) { return flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC); }
#define OPEN(name, params, args, folder, path) \
    int name params { \
        REAL(#name, name); \
        mode_t mode = 0; \
        if (flags & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } \
        if (writes(flags) && counts_path(folder, path) && fails("open", 0)) return -1; \
        return real args; \
    }
OPEN(open, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD, path)
OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), AT_FDCWD, path)
OPEN(openat, (int folder, const char *path, int flags, ...), (folder, path, flags, mode), folder, path)
OPEN(openat64, (int folder, const char *path, int flags, ...), (folder, path, flags, mode), folder, path)

FILE *fopen(const char *path, const char *mode) {
    REAL("fopen", fopen);
    if (strpbrk(mode, "wa+") && counts_path(AT_FDCWD, path) && fails("open", 0)) return NULL;
    return real(path, mode);
}
FILE *fopen64(const char *path, const char *mode) {
    REAL("fopen64", fopen64);
    if (strpbrk(mode, "wa+") && counts_path(AT_FDCWD, path) && fails("open", 0)) return NULL;
    return real(path, mode);
}

/* 1: fails now; 2: half of it is written now, and the rest will fail. */
static int fails_write(int fd, size_t size) {
    if (torn == fd) { torn = -1; errno = number; return 1; }
    if (!counts_fd(fd) || !fails("write", 0)) return 0;
    if (number == ENOSPC && size > 1 && !onwards) { torn = fd; return 2; }
    return 1;
}
ssize_t write(int fd, const void *content, size_t size) {
    REAL("write", write);
    int how = fails_write(fd, size);
    return how == 1 ? -1 : real(fd, content, how ? size / 2 : size);
}
ssize_t pwrite(int fd, const void *content, size_t size, off_t at) {
    REAL("pwrite", pwrite);
    int how = fails_write(fd, size);
    return how == 1 ? -1 : real(fd, content, how ? size / 2 : size, at);
}
ssize_t pwrite64(int fd, const void *content, size_t size, off64_t at) {
    REAL("pwrite64", pwrite64);
    int how = fails_write(fd, size);
    return how == 1 ? -1 : real(fd, content, how ? size / 2 : size, at);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
    REAL("writev", writev);
    if (counts_fd(fd) && fails("write", 0)) return -1;
    return real(fd, parts, n);
}

#define SIMPLE(name, params, args, condition, removes) \
    int name params { \
        REAL(#name, name); \
        if ((condition) && fails(#name, removes)) return -1; \
        return real args; \
    }
SIMPLE(fsync, (int fd), (fd), counts_fd(fd), 0)
SIMPLE(fdatasync, (int fd), (fd), counts_fd(fd), 0)
SIMPLE(ftruncate, (int fd, off_t size), (fd, size), counts_fd(fd), 1)
SIMPLE(ftruncate64, (int fd, off64_t size), (fd, size), counts_fd(fd), 1)
SIMPLE(truncate, (const char *path, off_t size), (path, size), counts_path(AT_FDCWD, path), 1)
SIMPLE(rename, (const char *from, const char *to), (from, to), counts_path(AT_FDCWD, to), 0)
SIMPLE(renameat, (int a, const char *from, int b, const char *to), (a, from, b, to), counts_path(b, to), 0)
SIMPLE(unlink, (const char *path), (path), counts_path(AT_FDCWD, path), 1)
SIMPLE(unlinkat, (int folder, const char *path, int flags), (folder, path, flags), counts_path(folder, path), 1)
SIMPLE(rmdir, (const char *path), (path), counts_path(AT_FDCWD, path), 1)
SIMPLE(mkdir, (const char *path, mode_t mode), (path, mode), counts_path(AT_FDCWD, path), 0)
SIMPLE(mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode), counts_path(folder, path), 0)
SIMPLE(symlink, (const char *to, const char *path), (to, path), counts_path(AT_FDCWD, path), 0)
SIMPLE(utimensat, (int folder, const char *path, const struct timespec *times, int flags), (folder, path, times, flags),
       counts_path(folder, path), 0)

int posix_fallocate(int fd, off_t from, off_t size) {
    REAL("posix_fallocate", posix_fallocate);
    if (counts_fd(fd) && fails("fallocate", 0)) return number;
    return real(fd, from, size);
}
int posix_fallocate64(int fd, off64_t from, off64_t size) {
    REAL("posix_fallocate64", posix_fallocate64);
    if (counts_fd(fd) && fails("fallocate", 0)) return number;
    return real(fd, from, size);
}
