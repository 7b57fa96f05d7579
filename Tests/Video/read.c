// Reads videos whole through the door and says how each ended; the checks of damage compile it with sanitizers.
#include "CVideo.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    int file = open(names[i], O_RDONLY);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0) return 2;
    char message[VIDEO_MESSAGE_LENGTH] = "";
    video_options options = {.maximum_pixels = 4000000, .threads = 1};
    video_properties properties;
    video_reader *reader;
    int result = video_open(file, NULL, (size_t)status.st_size, options, &reader, &properties, message);
    long frames = 0, damaged = 0;
    if (result == VIDEO_OK) {
      size_t size = (size_t)properties.width * properties.height * properties.channels;
      uint8_t *pixels = malloc(size);
      video_frame frame;
      while (frames < 1000000 && (result = video_next(reader, &frame, message)) == VIDEO_OK) {
        frames++;
        damaged += frame.is_damaged;
        if ((result = video_pixels(reader, pixels, size, message)) != VIDEO_OK) break;
      }
      free(pixels);
      video_close(reader);
    }
    close(file);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    // An error without a reason would leave a user alone.
    if (result > VIDEO_END && result != VIDEO_TOO_LARGE && !message[0]) return 3;
    printf("%d %ld %ld %ld %s\n", result, frames, damaged, usage.ru_maxrss, message);
  }
  return 0;
}
