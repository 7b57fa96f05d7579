#include "CVideo.h"

#if __has_include(<mcdrl_has_video.h>)
#include <libavutil/avutil.h>

const char *video_version(void) { return av_version_info(); }
#else
const char *video_version(void) { return 0; }
#endif
