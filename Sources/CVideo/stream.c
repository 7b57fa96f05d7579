// Input and output of the libraries, and their log.
#include "parts.h"

#ifdef HAS_VIDEO
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { buffer_bytes = 1 << 16 };

static int read_bytes(void *opaque, uint8_t *buffer, int count) {
  struct stream *s = opaque;
  if (s->position >= s->size) return AVERROR_EOF;
  if (count > s->size - s->position) count = (int)(s->size - s->position);
  if (count <= 0) return AVERROR_EOF;
  if (s->descriptor < 0) {
    memcpy(buffer, s->content + s->position, (size_t)count);
    s->position += count;
    return count;
  }
  ssize_t got;
  do got = pread(s->descriptor, buffer, (size_t)count, (off_t)s->position);
  while (got < 0 && errno == EINTR);
  if (got < 0) {
    if (!s->failure) s->failure = errno;
    return AVERROR(errno);
  }
  if (got == 0) return AVERROR_EOF;
  s->position += got;
  return (int)got;
}

static int write_all(struct stream *s, const uint8_t *buffer, int count) {
  for (int done = 0; done < count;) {
    ssize_t got = pwrite(s->descriptor, buffer + done, (size_t)(count - done), (off_t)s->position);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      if (!s->failure) s->failure = got < 0 ? errno : ENOSPC;
      return AVERROR(s->failure);
    }
    done += (int)got;
    s->position += got;
  }
  if (s->position > s->size) s->size = s->position;
  return count;
}

// The type of the buffer became const in libavformat 61.
#if LIBAVFORMAT_VERSION_MAJOR >= 61
static int write_bytes(void *opaque, const uint8_t *buffer, int count) { return write_all(opaque, buffer, count); }
#else
static int write_bytes(void *opaque, uint8_t *buffer, int count) { return write_all(opaque, buffer, count); }
#endif

static int64_t seek(void *opaque, int64_t offset, int whence) {
  struct stream *s = opaque;
  whence &= ~AVSEEK_FORCE;
  if (whence == AVSEEK_SIZE) return s->size;
  int64_t base = whence == SEEK_CUR ? s->position : whence == SEEK_END ? s->size : 0;
  int64_t target;
  if (__builtin_add_overflow(base, offset, &target) || target < 0) return AVERROR(EINVAL);
  s->position = target;
  return target;
}

AVIOContext *stream_open(struct stream *stream, int writes) {
  uint8_t *buffer = av_malloc(buffer_bytes);
  if (!buffer) return NULL;
  AVIOContext *io = avio_alloc_context(buffer, buffer_bytes, writes, stream, writes ? NULL : read_bytes,
                                       writes ? write_bytes : NULL, seek);
  if (!io) av_free(buffer);
  return io;
}

void stream_close(AVIOContext **io) {
  if (!*io) return;
  // The libraries may have put another buffer in the place of the first.
  av_freep(&(*io)->buffer);
  avio_context_free(io);
}

int refuse_file(struct AVFormatContext *format, AVIOContext **io, const char *url, int flags,
                AVDictionary **options) {
  (void)format, (void)url, (void)flags, (void)options;
  *io = NULL;
  return AVERROR(EACCES);
}

static _Thread_local int errors;
static _Thread_local int has_error;
static _Thread_local char last_error[VIDEO_MESSAGE_LENGTH];

// Whether a line may quote a path out of the file: it names one, or has a slash that is not between digits as in 25/1.
static int quotes_path(const char *line) {
  static const char *const names[] = {"path=", "dir=", "filename=", "volume="};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strstr(line, names[i])) return 1;
  for (const char *c = line; *c; c++) {
    if (*c != '/' && *c != '\\') continue;
    int between = c > line && c[-1] >= '0' && c[-1] <= '9' && c[1] >= '0' && c[1] <= '9';
    if (*c == '\\' || !between) return 1;
  }
  return 0;
}

static void collect(void *context, int level, const char *format, va_list arguments) {
  (void)context;
  if (level > AV_LOG_ERROR) return;
  errors = errors < INT_MAX ? errors + 1 : 0;
  char line[VIDEO_MESSAGE_LENGTH];
  vsnprintf(line, sizeof line, format, arguments);
  size_t length = strlen(line);
  while (length && (line[length - 1] == '\n' || line[length - 1] == '.' || line[length - 1] == ' ')) line[--length] = 0;
  // The libraries log some lines in pieces; those without a letter say nothing.
  if (length <= 3) return;
  has_error = 1;
  if (!quotes_path(line)) memcpy(last_error, line, length + 1);
}

// An index of a hundred million frames takes a kilobyte in a file and gigabytes in memory. Real frames and indices need
// less than this at once.
enum { most_memory_at_once = 512 << 20 };

static void set_up(void) {
  av_log_set_callback(collect);
  av_max_alloc(most_memory_at_once);
}

void allow_memory(size_t bytes) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static size_t most = most_memory_at_once;
  pthread_mutex_lock(&lock);
  if (bytes > most) av_max_alloc(most = bytes);
  pthread_mutex_unlock(&lock);
}

void log_begin(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, set_up);
  last_error[0] = 0;
  has_error = 0;
}

int log_count(void) { return errors; }

int log_is_empty(void) { return !has_error; }

void log_message(char *message, const char *text, int code) {
  char reason[AV_ERROR_MAX_STRING_SIZE] = "";
  if (!last_error[0] && code < 0) av_strerror(code, reason, sizeof reason);
  const char *detail = last_error[0] ? last_error : reason;
  const char *joint = text[0] && detail[0] ? ": " : "";
  snprintf(message, VIDEO_MESSAGE_LENGTH, "%s%s%.300s", text, joint, detail);
}
#endif
