#include "parts.h"

#ifdef HAS_VIDEO
const char *video_version(void) { return ffmpeg_problem() ? NULL : av_version_info(); }
const char *video_licence(void) { return ffmpeg_problem() ? NULL : avcodec_license(); }
const char *video_encoder(void) {
  if (ffmpeg_problem()) return NULL;
  return avcodec_find_encoder_by_name("libx264") ? "libx264" : "mpeg4";
}
#else
const char *video_version(void) { return 0; }
const char *video_licence(void) { return 0; }
const char *video_encoder(void) { return 0; }
#endif
