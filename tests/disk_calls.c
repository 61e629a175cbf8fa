/* Kills the process it is loaded into at one of its calls that change what is on the disk.

   Preloaded by killing.py. Nothing happens until killing_arm(call, manner): then the call of that number is the last,
   and the process dies before it (0), in the middle of it - half the bytes are written - (1), or after it (2). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BEFORE, TORN, AFTER, NEVER };

static atomic_long calls;
static long fatal;
static int manner, armed;

void killing_arm(long at, int how) { calls = 0; fatal = at; manner = how; armed = 1; }
long killing_count(void) { return calls; }

static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }

/* How the process is to die at the call that begins now. */
static int fate(void) {
    if (!armed || atomic_fetch_add(&calls, 1) + 1 != fatal) return NEVER;
    if (manner == BEFORE) die();
    return manner;
}

static int on_disk(int file) {
    struct stat found;
    return armed && fstat(file, &found) == 0 && S_ISREG(found.st_mode);
}

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define ENDING(call) { int how = fate(); __typeof__(call) done = call; if (how != NEVER) die(); return done; }

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write);
    if (!on_disk(file)) return real(file, bytes, size);
    if (fate() != NEVER) { real(file, bytes, manner == TORN ? size / 2 : size); die(); }
    return real(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    REAL(pwrite);
    if (!on_disk(file)) return real(file, bytes, size, at);
    if (fate() != NEVER) { real(file, bytes, manner == TORN ? size / 2 : size, at); die(); }
    return real(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    REAL(pwrite64);
    if (!on_disk(file)) return real(file, bytes, size, at);
    if (fate() != NEVER) { real(file, bytes, manner == TORN ? size / 2 : size, at); die(); }
    return real(file, bytes, size, at);
}

int fsync(int file) { REAL(fsync); ENDING(real(file)) }
int fdatasync(int file) { REAL(fdatasync); ENDING(real(file)) }
int ftruncate(int file, off_t size) { REAL(ftruncate); ENDING(real(file, size)) }
int ftruncate64(int file, off64_t size) { REAL(ftruncate64); ENDING(real(file, size)) }
int rename(const char *from, const char *to) { REAL(rename); ENDING(real(from, to)) }
int unlink(const char *path) { REAL(unlink); ENDING(real(path)) }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); ENDING(real(path, mode)) }
