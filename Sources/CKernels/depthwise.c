#include "CKernelsTraining.h"
#include "lanes.h"

// Both gradients copy 16 channels of what they read into a workspace with a border of zeros, as floats. Then no tap asks
// where it is.

static int64_t padded(int64_t size, int64_t border) { return size + 2 * border; }

int64_t mcdrl_depthwise_words(const mcdrl_depthwise *shape) {
  int64_t border = shape->kernel;
  int64_t image = padded(shape->height, border) * padded(shape->width, border);
  int64_t gradient = padded(shape->out_height, border) * padded(shape->out_width, border);
  return (image + gradient) * LANES;
}

// Copies height×width×16 with a border of zeros.
PART void copy(
    const void *from, int64_t first, int64_t height, int64_t width, int64_t channels, int64_t border, bool is_half, float *to) {
  int64_t stride = padded(width, border);
  memset(to, 0, sizeof(float) * (size_t)(padded(height, border) * stride * LANES));
  for (int64_t h = 0; h < height; h++)
    for (int64_t w = 0; w < width; w++) {
      floats value;
      load(&value, element(from, (h * width + w) * channels + first, is_half), is_half);
      memcpy(to + ((h + border) * stride + w + border) * LANES, &value, sizeof value);
    }
}

PART void by_image(
    const mcdrl_depthwise *shape, int64_t first, const float *weights, const void *gradient, void *result, float *workspace,
    int64_t kernel, bool is_half) {
  int64_t border = kernel, stride = shape->stride, across = padded(shape->out_width, border);
  copy(gradient, first, shape->out_height, shape->out_width, shape->channels, border, is_half, workspace);
  for (int64_t h = 0; h < shape->height; h++) {
    // The taps by which a pixel entered an output are every `stride`-th one; the first of them reads the last output.
    int64_t first_row = (h + shape->padding) / stride + border, first_i = (h + shape->padding) % stride;
    int64_t first_column = shape->padding / stride + border, first_j = shape->padding % stride;
    for (int64_t w = 0; w < shape->width; w++) {
      floats sum = {0};
      const float *row = workspace + (first_row * across + first_column) * LANES;
      for (int64_t i = first_i; i < kernel; i += stride, row -= across * LANES) {
        const float *column = row;
        for (int64_t j = first_j; j < kernel; j += stride, column -= LANES) {
          floats value, weight;
          memcpy(&value, column, sizeof value);
          memcpy(&weight, weights + (i * kernel + j) * LANES, sizeof weight);
          sum += value * weight;
        }
      }
      store(place(result, (h * shape->width + w) * shape->channels + first, is_half), sum, is_half);
      if (++first_j == stride) first_j = 0, first_column++;
    }
  }
}

PART void by_weights(
    const mcdrl_depthwise *shape, int64_t first, const void *image, const void *gradient, float *result, float *workspace,
    int64_t kernel, bool is_half) {
  int64_t border = shape->padding, stride = shape->stride, across = padded(shape->width, border);
  int64_t height = shape->out_height, width = shape->out_width;
  copy(image, first, shape->height, shape->width, shape->channels, border, is_half, workspace);
  float *wide = workspace + padded(shape->height, border) * across * LANES;
  copy(gradient, first, height, width, shape->channels, 0, is_half, wide);
  for (int64_t i = 0; i < kernel; i++) {
    floats sums[7] = {{0}};
    for (int64_t h = 0; h < height; h++) {
      const float *row = workspace + (h * stride + i) * across * LANES;
      for (int64_t w = 0; w < width; w++) {
        floats each;
        memcpy(&each, wide + (h * width + w) * LANES, sizeof each);
        for (int64_t j = 0; j < kernel; j++) {
          floats value;
          memcpy(&value, row + (w * stride + j) * LANES, sizeof value);
          sums[j] += each * value;
        }
      }
    }
    for (int64_t j = 0; j < kernel; j++) memcpy(result + (i * kernel + j) * LANES, &sums[j], sizeof sums[j]);
  }
}

WIDE void mcdrl_depthwise_by_image(
    const mcdrl_depthwise *shape, int64_t first, const float *weights, const void *gradient, void *result, float *workspace) {
#define CALL(kernel, is_half) by_image(shape, first, weights, gradient, result, workspace, kernel, is_half)
  if (shape->is_half) {
    if (shape->kernel == 3) CALL(3, true);
    else if (shape->kernel == 5) CALL(5, true);
    else CALL(shape->kernel, true);
  } else {
    if (shape->kernel == 3) CALL(3, false);
    else if (shape->kernel == 5) CALL(5, false);
    else CALL(shape->kernel, false);
  }
#undef CALL
}

WIDE void mcdrl_depthwise_by_weights(
    const mcdrl_depthwise *shape, int64_t first, const void *image, const void *gradient, float *result, float *workspace) {
#define CALL(kernel, is_half) by_weights(shape, first, image, gradient, result, workspace, kernel, is_half)
  if (shape->is_half) {
    if (shape->kernel == 3) CALL(3, true);
    else if (shape->kernel == 5) CALL(5, true);
    else if (shape->kernel == 7) CALL(7, true);
    else CALL(shape->kernel, true);
  } else {
    if (shape->kernel == 3) CALL(3, false);
    else if (shape->kernel == 5) CALL(5, false);
    else if (shape->kernel == 7) CALL(7, false);
    else CALL(shape->kernel, false);
  }
#undef CALL
}
