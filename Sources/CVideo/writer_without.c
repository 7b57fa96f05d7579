// The entries of a writer in a build without FFmpeg.
#include "parts.h"

#ifndef HAS_VIDEO
#include <stdio.h>

int video_create(int descriptor, video_target target, video_writer **writer, char *codec, char *message) {
  (void)descriptor, (void)target;
  *writer = 0;
  codec[0] = 0;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

int video_append(video_writer *writer, const uint8_t *pixels, size_t size, int64_t pts, int64_t duration,
                 char *message) {
  (void)writer, (void)pixels, (void)size, (void)pts, (void)duration;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

int video_finish(video_writer *writer, char *message) {
  (void)writer;
  snprintf(message, VIDEO_MESSAGE_LENGTH, "built without FFmpeg");
  return VIDEO_ABSENT;
}

void video_discard(video_writer *writer) { (void)writer; }
#endif
