#include "CVideo.h"

#if __has_include(<mcdrl_has_video.h>)
#include <libavcodec/avcodec.h>
#include <libavutil/avutil.h>

const char *video_version(void) { return av_version_info(); }
const char *video_licence(void) { return avcodec_license(); }
const char *video_encoder(void) { return avcodec_find_encoder_by_name("libx264") ? "libx264" : "mpeg4"; }
#else
const char *video_version(void) { return 0; }
const char *video_licence(void) { return 0; }
const char *video_encoder(void) { return 0; }
#endif
