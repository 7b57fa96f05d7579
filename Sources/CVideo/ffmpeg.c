// Loads FFmpeg.
#include "CVideo.h"

#if __has_include(<mcdrl_has_video.h>)
#define FFMPEG_BY_ADDRESS
#include "ffmpeg.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

struct ffmpeg ffmpeg;

static char problem[VIDEO_MESSAGE_LENGTH];

static void *library(const char *name, int version) {
#ifdef __APPLE__
  // There the program is linked to the libraries, which no folder of the system holds.
  (void)name, (void)version;
  return RTLD_DEFAULT;
#else
  char file[64];
  snprintf(file, sizeof file, "lib%s.so.%d", name, version);
  void *found = dlopen(file, RTLD_LAZY | RTLD_LOCAL);
  if (!found && !problem[0]) snprintf(problem, sizeof problem, "FFmpeg does not load: %s", dlerror());
  return found;
#endif
}

static void *function(void *library, const char *name) {
  void *found = dlsym(library, name);
  if (!found && !problem[0]) snprintf(problem, sizeof problem, "FFmpeg lacks %s", name);
  return found;
}

// The libraries stay loaded to the end of the process.
static void load(void) {
  void *util = library("avutil", LIBAVUTIL_VERSION_MAJOR);
  void *codec = library("avcodec", LIBAVCODEC_VERSION_MAJOR);
  void *format = library("avformat", LIBAVFORMAT_VERSION_MAJOR);
  void *scale = library("swscale", LIBSWSCALE_VERSION_MAJOR);
  if (problem[0]) return;
#define LOAD(name) ffmpeg.name = (__typeof__(ffmpeg.name))function(from, #name);
  void *from = util;
  FFMPEG_UTIL(LOAD)
  from = codec;
  FFMPEG_CODEC(LOAD)
  from = format;
  FFMPEG_FORMAT(LOAD)
  from = scale;
  FFMPEG_SCALE(LOAD)
}

const char *ffmpeg_problem(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, load);
  return problem[0] ? problem : NULL;
}
#endif
