// A library for LD_PRELOAD that makes one call of the system fail, for scripts/faults. Linux only.
//
//   FAULT_UNDER   only files below this folder count
//   FAULT_CALL    open, read, write, truncate, sync, rename, map or thread
//   FAULT_FILES   only calls on files below the folder that match this pattern of fnmatch; without it, all
//   FAULT_AT      which call of that kind fails, counted from 1; without it, none
//   FAULT_KIND    ENOSPC, EIO, EINTR, EAGAIN, short: a write or read of half the bytes, or kill: SIGKILL before the call
//   FAULT_LASTING with it, every later call of the kind fails, too, like a full disk
//   FAULT_TRACE   with it, the report has every call, "called CALL PATH", and each "renamed FROM TO"
//   FAULT_CPU     SIGKILL once the process has computed this many microseconds
//   FAULT_REPORT  receives "failed CALL PATH" at the failure, and "CALL COUNT" at the end
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum call { OPEN, READ, WRITE, TRUNCATE, SYNC, RENAME, MAP, THREAD, CALLS };
static const char *const names[CALLS] = {"open", "read", "write", "truncate", "sync", "rename", "map", "thread"};
static atomic_long counts[CALLS];

static void report(const char *format, ...) {
  const char *path = getenv("FAULT_REPORT");
  if (!path) return;
  char line[2 * PATH_MAX + 64];
  va_list arguments;
  va_start(arguments, format);
  int size = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (file < 0) return;
  syscall(SYS_write, file, line, (size_t)size);
  syscall(SYS_close, file);
}

// Moments of computing time are the same on a busy machine as on an idle one.
__attribute__((constructor)) static void start(void) {
  const char *moment = getenv("FAULT_CPU");
  if (!moment) return;
  long long nanoseconds = atoll(moment) * 1000;
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL};
  struct itimerspec at = {.it_value = {nanoseconds / 1000000000, nanoseconds % 1000000000}};
  timer_t timer;
  if (timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &timer) || timer_settime(timer, TIMER_ABSTIME, &at, NULL)) abort();
}

__attribute__((destructor)) static void finish(void) {
  for (int call = 0; call < CALLS; call++) report("%s %ld\n", names[call], atomic_load(&counts[call]));
}

static int is_under(const char *path) {
  const char *folder = getenv("FAULT_UNDER");
  return folder && path && strncmp(path, folder, strlen(folder)) == 0;
}

// Writes the path of an open file; returns whether it counts.
static int path_of(int file, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  ssize_t size = syscall(SYS_readlink, link, path, PATH_MAX - 1);
  if (size <= 0) return 0;
  path[size] = 0;
  return is_under(path);
}

// Counts a call; returns the error number that it fails with, -1 for a short count, or 0.
static int fault(enum call call, const char *path) {
  const char *folder = getenv("FAULT_UNDER"), *files = getenv("FAULT_FILES");
  if (getenv("FAULT_TRACE")) report("called %s %s\n", names[call], path);
  if (files && call != THREAD && fnmatch(files, path + strlen(folder) + 1, 0)) return 0;
  long number = atomic_fetch_add(&counts[call], 1) + 1;
  const char *wanted = getenv("FAULT_CALL"), *at = getenv("FAULT_AT"), *kind = getenv("FAULT_KIND");
  if (!wanted || !at || !kind || strcmp(wanted, names[call])) return 0;
  if (getenv("FAULT_LASTING") ? number < atol(at) : number != atol(at)) return 0;
  report("failed %s %s\n", names[call], path);
  if (!strcmp(kind, "kill")) {
    syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
    for (;;) pause();
  }
  if (!strcmp(kind, "ENOSPC")) return ENOSPC;
  if (!strcmp(kind, "EINTR")) return EINTR;
  if (!strcmp(kind, "EAGAIN")) return EAGAIN;
  return strcmp(kind, "short") ? EIO : -1;
}

static int fails(enum call call, const char *path) {
  int code = fault(call, path);
  if (code > 0) errno = code;
  return code > 0;
}

#define OPENS(name)                                             \
  int name(const char *path, int flags, ...) {                  \
    va_list arguments;                                          \
    va_start(arguments, flags);                                 \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0; \
    va_end(arguments);                                          \
    if (is_under(path) && fails(OPEN, path)) return -1;         \
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
  }
OPENS(open)
OPENS(open64)

#define MOVES_BYTES(call, name, number, bytes, ...)             \
  ssize_t name(int file, bytes data, size_t size __VA_ARGS__) { \
    char path[PATH_MAX];                                        \
    if (path_of(file, path)) {                                  \
      int code = fault(call, path);                             \
      if (code > 0) { errno = code; return -1; }                \
      if (code < 0 && size > 1) size /= 2;                      \
    }                                                           \
    return syscall(number, file, data, size PLACE);             \
  }
#define PLACE
MOVES_BYTES(READ, read, SYS_read, void *)
MOVES_BYTES(WRITE, write, SYS_write, const void *)
#undef PLACE
#define PLACE , place
MOVES_BYTES(READ, pread, SYS_pread64, void *, , off_t place)
MOVES_BYTES(READ, pread64, SYS_pread64, void *, , off_t place)
MOVES_BYTES(WRITE, pwrite, SYS_pwrite64, const void *, , off_t place)
MOVES_BYTES(WRITE, pwrite64, SYS_pwrite64, const void *, , off_t place)

int fsync(int file) {
  char path[PATH_MAX];
  if (path_of(file, path) && fails(SYNC, path)) return -1;
  return (int)syscall(SYS_fsync, file);
}

int ftruncate(int file, off_t size) {
  char path[PATH_MAX];
  if (path_of(file, path) && fails(TRUNCATE, path)) return -1;
  return (int)syscall(SYS_ftruncate, file, size);
}

// Writes the path of a file relative to an open folder; returns whether it counts.
static int path_below(int folder, const char *name, char *path) {
  if (folder == AT_FDCWD || *name == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return is_under(path);
  }
  int found = path_of(folder, path);
  size_t size = found ? strlen(path) : 0;
  if (found) snprintf(path + size, PATH_MAX - size, "/%s", name);
  return found;
}

int openat(int folder, const char *name, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  char path[PATH_MAX];
  if (path_below(folder, name, path) && fails(OPEN, path)) return -1;
  return (int)syscall(SYS_openat, folder, name, flags, mode);
}

int renameat(int from, const char *name, int to, const char *new) {
  char path[PATH_MAX], old[PATH_MAX];
  int counts = path_below(to, new, path);
  if (counts && path_below(from, name, old) && getenv("FAULT_TRACE")) report("renamed %s %s\n", old, path);
  if (counts && fails(RENAME, path)) return -1;
  return (int)syscall(SYS_renameat, from, name, to, new);
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

#define MAPS(name)                                                                            \
  void *name(void *address, size_t size, int protection, int flags, int file, off_t place) { \
    char path[PATH_MAX];                                                                      \
    if (file >= 0 && path_of(file, path) && fails(MAP, path)) return MAP_FAILED;              \
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, place);          \
  }
MAPS(mmap)
MAPS(mmap64)

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  int code = fault(THREAD, "a thread");
  return code > 0 ? code : REAL(pthread_create)(thread, attributes, body, argument);
}
