/* A disk that fails or stalls on demand: preloaded into a process, it stands between SQLite and the system.

   What it does is told in a file that the test and the process share (FAULTY_DISK names it): five integers.
   It concerns files alone whose name holds "state.db". */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct orders {
    volatile int write_error; /* what a write fails with; the first one writes half, as a disk does that fills up */
    volatile int sync_error;  /* what a sync fails with */
    volatile int stall;       /* whether syncs wait until this is 0 */
    volatile int refused;     /* how many writes and syncs failed */
    volatile int stalled;     /* how many syncs waited */
};

static struct orders *orders;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTY_DISK");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    void *shared = mmap(NULL, sizeof(struct orders), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    orders = shared == MAP_FAILED ? NULL : shared;
    close(fd);
}

static int ours(int fd)
{
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return strstr(path, "state.db") != NULL;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    int error = orders ? orders->write_error : 0;
    if (error && ours(fd)) {
        if (orders->refused++ == 0 && size > 1)
            return real(fd, data, size / 2, at);
        errno = error;
        return -1;
    }
    return real(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
    return pwrite64(fd, data, size, at);
}

static int synced(int fd, const char *name)
{
    int (*real)(int) = dlsym(RTLD_NEXT, name);
    if (orders && (orders->sync_error || orders->stall) && ours(fd)) {
        if (orders->stall) {
            struct timespec moment = {0, 5 * 1000 * 1000};
            orders->stalled++;
            while (orders->stall)
                nanosleep(&moment, NULL);
        }
        if (orders->sync_error) {
            orders->refused++;
            errno = orders->sync_error;
            return -1;
        }
    }
    return real(fd);
}

int fsync(int fd)
{
    return synced(fd, "fsync");
}

int fdatasync(int fd)
{
    return synced(fd, "fdatasync");
}
