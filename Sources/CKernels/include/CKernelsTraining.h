// Passes of training over images with channels last, for which libtorch takes several passes or a slow loop.
#pragma once
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// A depthwise convolution of one image with channels last; `lanes` channels are worked on together.
enum { mcdrl_depthwise_lanes = 16 };
typedef struct {
  int64_t height, width, out_height, out_width;
  // All channels, that is the distance between two pixels.
  int64_t channels;
  // The side of the kernel, 1 to 7, the stride, and the zeros on each side.
  int64_t kernel, stride, padding;
  // Whether pixels are bfloat16; otherwise they are float32.
  bool is_half;
} mcdrl_depthwise;

// How many floats the workspace of a call must have.
int64_t mcdrl_depthwise_words(const mcdrl_depthwise *shape);
// The gradient of the image by `lanes` channels from `first` on.
// weights: kernel×kernel×lanes. gradient: out_height×out_width×channels. result: height×width×channels.
void mcdrl_depthwise_by_image(
    const mcdrl_depthwise *shape, int64_t first, const float *weights, const void *gradient, void *result, float *workspace);
// The part of one image in the gradient of the weights, kernel×kernel×lanes.
void mcdrl_depthwise_by_weights(
    const mcdrl_depthwise *shape, int64_t first, const void *image, const void *gradient, float *result, float *workspace);

// A normalisation of rows of `width` values, followed by an activation:
// y = f(x · scale + shift + residual), f(v) = v · slope for v ≤ 0, else min(v, cap).
typedef struct {
  int64_t rows, width;
  const void *x;
  // Null for none.
  const void *residual;
  const float *scale, *shift;
  float slope, cap;
  // Whether values are bfloat16; otherwise they are float32.
  bool is_half;
} mcdrl_normalization;

// Sums over rows of x − origin and of its square, for each column.
void mcdrl_normalization_sums(
    const mcdrl_normalization *rows, const float *origin, float *sums, float *squares);
void mcdrl_normalization_apply(const mcdrl_normalization *rows, void *y);
// Sums over rows of g = gradient · f′ and of g · (x − origin), for each column.
void mcdrl_normalization_gradient_sums(
    const mcdrl_normalization *rows, const float *origin, const void *gradient, float *sums, float *products);
// by_x = g · scale − (x − origin) · slope_of_x − offset, for each column; by_residual = g, unless it is null.
void mcdrl_normalization_gradient(
    const mcdrl_normalization *rows, const float *origin, const float *slope_of_x, const float *offset,
    const void *gradient, void *by_x, void *by_residual);

// One row of the gradient of a bilinear enlargement with channels last: result (width×channels) = Σ over terms.
typedef struct {
  int64_t first, count;
  const float *weights;
} mcdrl_terms;
// rows: the terms of this row among the gradient's rows; columns: those of each of the `width` columns.
void mcdrl_enlargement_gradient(
    int64_t width, int64_t out_width, int64_t channels, bool is_half, mcdrl_terms rows, const mcdrl_terms *columns,
    const void *gradient, void *result, float *workspace);

#ifdef __cplusplus
}
#endif
