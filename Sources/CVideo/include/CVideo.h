// The door to FFmpeg's libraries.
#pragma once

// The version of FFmpeg; null if MCDRL was built without video.
const char *_Nullable video_version(void);
