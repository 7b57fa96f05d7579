#include "CKernelsTraining.h"
#include "lanes.h"

// First the terms of the row for all columns of the gradient, into the workspace; then the terms of each column.
PART void gradient_of(
    int64_t width, int64_t out_width, int64_t channels, mcdrl_terms rows, const mcdrl_terms *columns,
    const void *gradient, void *result, float *workspace, bool is_half) {
  int64_t count = out_width * channels, whole = count / LANES * LANES;
  for (int64_t i = 0; i < whole; i += LANES) {
    floats sum = {0};
    for (int64_t t = 0; t < rows.count; t++) {
      floats value;
      load(&value, element(gradient, (rows.first + t) * count + i, is_half), is_half);
      sum += value * rows.weights[t];
    }
    memcpy(workspace + i, &sum, sizeof sum);
  }
  for (int64_t i = whole; i < count; i++) {
    float sum = 0;
    for (int64_t t = 0; t < rows.count; t++)
      sum += load_one(element(gradient, (rows.first + t) * count + i, is_half), is_half) * rows.weights[t];
    workspace[i] = sum;
  }
  int64_t vectors = channels / LANES * LANES;
  for (int64_t w = 0; w < width; w++) {
    mcdrl_terms terms = columns[w];
    const float *from = workspace + terms.first * channels;
    for (int64_t c = 0; c < vectors; c += LANES) {
      floats sum = {0};
      for (int64_t t = 0; t < terms.count; t++) {
        floats value;
        memcpy(&value, from + t * channels + c, sizeof value);
        sum += value * terms.weights[t];
      }
      store(place(result, w * channels + c, is_half), sum, is_half);
    }
    for (int64_t c = vectors; c < channels; c++) {
      float sum = 0;
      for (int64_t t = 0; t < terms.count; t++) sum += from[t * channels + c] * terms.weights[t];
      store_one(place(result, w * channels + c, is_half), sum, is_half);
    }
  }
}

WIDE void mcdrl_enlargement_gradient(
    int64_t width, int64_t out_width, int64_t channels, bool is_half, mcdrl_terms rows, const mcdrl_terms *columns,
    const void *gradient, void *result, float *workspace) {
  if (is_half) gradient_of(width, out_width, channels, rows, columns, gradient, result, workspace, true);
  else gradient_of(width, out_width, channels, rows, columns, gradient, result, workspace, false);
}
