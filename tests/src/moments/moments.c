/* Counts the moments in which a process makes something durable, and ends it with SIGKILL in one of them.
 *
 * Loaded in front of the C library (LD_PRELOAD). Each fsync, fdatasync, msync, and each write to a file that was opened
 * with O_DSYNC, is two moments: right before and right after. They count from when the file QUIRE_MOMENTS_BEGIN is
 * there; each adds a byte to QUIRE_MOMENTS_TALLY. The process ends in that of number QUIRE_MOMENTS_END (0: in none). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_ulong passed;

static void moment(void) {
    const char *begin = getenv("QUIRE_MOMENTS_BEGIN");
    const char *tally = getenv("QUIRE_MOMENTS_TALLY");
    const char *end = getenv("QUIRE_MOMENTS_END");
    int error = errno;
    if (begin != NULL && tally != NULL && end != NULL && access(begin, F_OK) == 0) {
        unsigned long number = atomic_fetch_add(&passed, 1) + 1;
        int file = open(tally, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        ssize_t written = write(file, ".", 1);
        (void)written;
        close(file);
        if (number == strtoul(end, NULL, 10)) {
            kill(getpid(), SIGKILL);
        }
    }
    errno = error;
}

static int is_synchronous(int file) {
    int error = errno;
    int flags = fcntl(file, F_GETFL);
    errno = error;
    return flags != -1 && (flags & O_DSYNC) != 0;
}

int fsync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    moment();
    int result = real(file);
    moment();
    return result;
}

int fdatasync(int file) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    moment();
    int result = real(file);
    moment();
    return result;
}

int msync(void *start, size_t length, int flags) {
    int (*real)(void *, size_t, int) = (int (*)(void *, size_t, int))dlsym(RTLD_NEXT, "msync");
    moment();
    int result = real(start, length, flags);
    moment();
    return result;
}

ssize_t pwrite64(int file, const void *bytes, size_t length, off64_t at) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    if (!is_synchronous(file)) {
        return real(file, bytes, length, at);
    }
    moment();
    ssize_t result = real(file, bytes, length, at);
    moment();
    return result;
}
