#include "CKernelsTraining.h"
#include "lanes.h"

// Each column is a channel. Columns beyond the last whole vector are worked on one by one by the same formulas.

PART float activated(float v, float slope, float cap) { return v > 0 ? (v < cap ? v : cap) : v * slope; }
PART float derivative(float v, float slope, float cap) { return v > 0 ? (v < cap ? 1.f : 0.f) : slope; }

// Selects a where the mask is set, otherwise b.
PART floats chosen(words mask, floats a, floats b) { return (floats)((mask & (words)a) | (~mask & (words)b)); }
PART floats all(float value) { return value - (floats){0}; }

PART floats argument(const mcdrl_normalization *rows, int64_t at, int64_t c, floats x, bool is_half) {
  floats scale, shift;
  memcpy(&scale, rows->scale + c, sizeof scale);
  memcpy(&shift, rows->shift + c, sizeof shift);
  floats v = x * scale + shift;
  if (rows->residual) {
    floats residual;
    load(&residual, element(rows->residual, at, is_half), is_half);
    v += residual;
  }
  return v;
}

PART float argument_of_one(const mcdrl_normalization *rows, int64_t at, int64_t c, float x, bool is_half) {
  float v = x * rows->scale[c] + rows->shift[c];
  return rows->residual ? v + load_one(element(rows->residual, at, is_half), is_half) : v;
}

PART floats with_derivative(floats gradient, floats v, float slope, float cap) {
  floats kept = chosen((words)(v < all(cap)), gradient, all(0));
  return chosen((words)(v > all(0)), kept, gradient * slope);
}

PART void sums_of(
    const mcdrl_normalization *rows, const float *origin, float *sums, float *squares, bool is_half) {
  int64_t width = rows->width, whole = width / LANES * LANES;
  memset(sums, 0, sizeof(float) * (size_t)width);
  memset(squares, 0, sizeof(float) * (size_t)width);
  for (int64_t r = 0; r < rows->rows; r++) {
    for (int64_t c = 0; c < whole; c += LANES) {
      floats x, o, sum, square;
      load(&x, element(rows->x, r * width + c, is_half), is_half);
      memcpy(&o, origin + c, sizeof o);
      memcpy(&sum, sums + c, sizeof sum);
      memcpy(&square, squares + c, sizeof square);
      x -= o;
      sum += x;
      square += x * x;
      memcpy(sums + c, &sum, sizeof sum);
      memcpy(squares + c, &square, sizeof square);
    }
    for (int64_t c = whole; c < width; c++) {
      float x = load_one(element(rows->x, r * width + c, is_half), is_half) - origin[c];
      sums[c] += x;
      squares[c] += x * x;
    }
  }
}

PART void apply(const mcdrl_normalization *rows, void *y, bool is_half) {
  int64_t width = rows->width, whole = width / LANES * LANES;
  for (int64_t r = 0; r < rows->rows; r++) {
    for (int64_t c = 0; c < whole; c += LANES) {
      int64_t at = r * width + c;
      floats x;
      load(&x, element(rows->x, at, is_half), is_half);
      floats v = argument(rows, at, c, x, is_half);
      floats limited = chosen((words)(v < all(rows->cap)), v, all(rows->cap));
      store(place(y, at, is_half), chosen((words)(v > all(0)), limited, v * rows->slope), is_half);
    }
    for (int64_t c = whole; c < width; c++) {
      int64_t at = r * width + c;
      float v = argument_of_one(rows, at, c, load_one(element(rows->x, at, is_half), is_half), is_half);
      store_one(place(y, at, is_half), activated(v, rows->slope, rows->cap), is_half);
    }
  }
}

PART void gradient_sums(
    const mcdrl_normalization *rows, const float *origin, const void *gradient, float *sums, float *products, bool is_half) {
  int64_t width = rows->width, whole = width / LANES * LANES;
  memset(sums, 0, sizeof(float) * (size_t)width);
  memset(products, 0, sizeof(float) * (size_t)width);
  for (int64_t r = 0; r < rows->rows; r++) {
    for (int64_t c = 0; c < whole; c += LANES) {
      int64_t at = r * width + c;
      floats x, g, o, sum, product;
      load(&x, element(rows->x, at, is_half), is_half);
      load(&g, element(gradient, at, is_half), is_half);
      memcpy(&o, origin + c, sizeof o);
      memcpy(&sum, sums + c, sizeof sum);
      memcpy(&product, products + c, sizeof product);
      g = with_derivative(g, argument(rows, at, c, x, is_half), rows->slope, rows->cap);
      sum += g;
      product += g * (x - o);
      memcpy(sums + c, &sum, sizeof sum);
      memcpy(products + c, &product, sizeof product);
    }
    for (int64_t c = whole; c < width; c++) {
      int64_t at = r * width + c;
      float x = load_one(element(rows->x, at, is_half), is_half);
      float v = argument_of_one(rows, at, c, x, is_half);
      float g = load_one(element(gradient, at, is_half), is_half) * derivative(v, rows->slope, rows->cap);
      sums[c] += g;
      products[c] += g * (x - origin[c]);
    }
  }
}

PART void gradient_of(
    const mcdrl_normalization *rows, const float *origin, const float *slope_of_x, const float *offset,
    const void *gradient, void *by_x, void *by_residual, bool is_half) {
  int64_t width = rows->width, whole = width / LANES * LANES;
  for (int64_t r = 0; r < rows->rows; r++) {
    for (int64_t c = 0; c < whole; c += LANES) {
      int64_t at = r * width + c;
      floats x, g, o, scale, slope, constant;
      load(&x, element(rows->x, at, is_half), is_half);
      load(&g, element(gradient, at, is_half), is_half);
      memcpy(&o, origin + c, sizeof o);
      memcpy(&scale, rows->scale + c, sizeof scale);
      memcpy(&slope, slope_of_x + c, sizeof slope);
      memcpy(&constant, offset + c, sizeof constant);
      g = with_derivative(g, argument(rows, at, c, x, is_half), rows->slope, rows->cap);
      store(place(by_x, at, is_half), g * scale - (x - o) * slope - constant, is_half);
      if (by_residual) store(place(by_residual, at, is_half), g, is_half);
    }
    for (int64_t c = whole; c < width; c++) {
      int64_t at = r * width + c;
      float x = load_one(element(rows->x, at, is_half), is_half);
      float v = argument_of_one(rows, at, c, x, is_half);
      float g = load_one(element(gradient, at, is_half), is_half) * derivative(v, rows->slope, rows->cap);
      float found = g * rows->scale[c] - (x - origin[c]) * slope_of_x[c] - offset[c];
      store_one(place(by_x, at, is_half), found, is_half);
      if (by_residual) store_one(place(by_residual, at, is_half), g, is_half);
    }
  }
}

WIDE void mcdrl_normalization_sums(
    const mcdrl_normalization *rows, const float *origin, float *sums, float *squares) {
  if (rows->is_half) sums_of(rows, origin, sums, squares, true);
  else sums_of(rows, origin, sums, squares, false);
}

WIDE void mcdrl_normalization_apply(const mcdrl_normalization *rows, void *y) {
  if (rows->is_half) apply(rows, y, true);
  else apply(rows, y, false);
}

WIDE void mcdrl_normalization_gradient_sums(
    const mcdrl_normalization *rows, const float *origin, const void *gradient, float *sums, float *products) {
  if (rows->is_half) gradient_sums(rows, origin, gradient, sums, products, true);
  else gradient_sums(rows, origin, gradient, sums, products, false);
}

WIDE void mcdrl_normalization_gradient(
    const mcdrl_normalization *rows, const float *origin, const float *slope_of_x, const float *offset,
    const void *gradient, void *by_x, void *by_residual) {
  if (rows->is_half) gradient_of(rows, origin, slope_of_x, offset, gradient, by_x, by_residual, true);
  else gradient_of(rows, origin, slope_of_x, offset, gradient, by_x, by_residual, false);
}
