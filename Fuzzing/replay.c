// Runs a target over files without a fuzzer: for valgrind, and where no fuzzer runtime is installed.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int main(int count, char **names) {
  for (int i = 1; i < count; i++) {
    FILE *file = fopen(names[i], "rb");
    if (!file || fseek(file, 0, SEEK_END)) return perror(names[i]), 1;
    long size = ftell(file);
    rewind(file);
    // Exactly the bytes of the file, so that a read past them shows.
    uint8_t *data = size > 0 ? malloc((size_t)size) : NULL;
    if (size < 0 || (size > 0 && (!data || fread(data, 1, (size_t)size, file) != (size_t)size)))
      return perror(names[i]), 1;
    fclose(file);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
  }
  printf("%d files\n", count - 1);
  return 0;
}
