// Checks the kernels of training: depthwise convolutions, normalisation and enlargement.
#include "CKernelsTraining.h"
#include "numbers.h"

enum { LANES = mcdrl_depthwise_lanes };

// Values of one of both types, and the same in double precision.
typedef struct {
  int64_t count;
  bool is_half;
  void *stored;
  double *exact;
} values;

static values drawn(int64_t count, bool is_half) {
  values made = {count, is_half, malloc(count * 4), malloc(count * sizeof(double))};
  for (int64_t i = 0; i < count; i++) {
    uint16_t narrow = half(draw());
    float wide = whole(narrow);
    if (is_half) ((uint16_t *)made.stored)[i] = narrow;
    else ((float *)made.stored)[i] = wide;
    made.exact[i] = wide;
  }
  return made;
}

static void end(values made) { free(made.stored), free(made.exact); }

static double stored(const values *from, int64_t i) {
  return from->is_half ? whole(((uint16_t *)from->stored)[i]) : ((float *)from->stored)[i];
}

// Expects what a kernel stored to be as computed in `exact`, up to the rounding of its type.
static void compare(const values *found, const char *what) {
  double most = 0, far = 0;
  for (int64_t i = 0; i < found->count; i++) {
    most = fmax(most, fabs(found->exact[i]));
    double difference = fabs(found->exact[i] - stored(found, i));
    far = isnan(difference) ? INFINITY : fmax(far, difference);
  }
  expect(far <= (found->is_half ? 1.0 / 256 : 1e-5) * fmax(most, 1), what);
}

static void check_depthwise(int64_t kernel, int64_t stride, int64_t padding, bool is_half) {
  int64_t height = 9, width = 7, channels = 2 * LANES, first = LANES, taps = kernel * kernel;
  int64_t rows = (height + 2 * padding - kernel) / stride + 1, columns = (width + 2 * padding - kernel) / stride + 1;
  mcdrl_depthwise shape = {height, width, rows, columns, channels, kernel, stride, padding, is_half};
  values image = drawn(height * width * channels, is_half), gradient = drawn(rows * columns * channels, is_half);
  values weights = drawn(taps * LANES, false), by_weights = drawn(taps * LANES, false);
  values by_image = drawn(image.count, is_half);
  float *space = malloc(mcdrl_depthwise_words(&shape) * sizeof(float));
  mcdrl_depthwise_by_image(&shape, first, weights.stored, gradient.stored, by_image.stored, space);
  mcdrl_depthwise_by_weights(&shape, first, image.stored, gradient.stored, by_weights.stored, space);
  for (int64_t i = 0; i < by_weights.count; i++) by_weights.exact[i] = 0;
  // The other channels stay as they were.
  for (int64_t p = 0; p < height * width; p++)
    for (int64_t c = 0; c < LANES; c++) by_image.exact[p * channels + first + c] = 0;
  for (int64_t h = 0; h < rows; h++)
    for (int64_t w = 0; w < columns; w++)
      for (int64_t i = 0; i < kernel; i++)
        for (int64_t j = 0; j < kernel; j++) {
          int64_t y = h * stride + i - padding, x = w * stride + j - padding;
          if (y < 0 || y >= height || x < 0 || x >= width) continue;
          for (int64_t c = 0; c < LANES; c++) {
            double g = gradient.exact[(h * columns + w) * channels + first + c];
            int64_t at = (y * width + x) * channels + first + c, tap = (i * kernel + j) * LANES + c;
            by_image.exact[at] += g * weights.exact[tap];
            by_weights.exact[tap] += g * image.exact[at];
          }
        }
  compare(&by_image, "a depthwise convolution's gradient by the image");
  compare(&by_weights, "a depthwise convolution's gradient by the weights");
  end(image), end(gradient), end(weights), end(by_weights), end(by_image), free(space);
}

static void check_normalization(int64_t width, bool adds, double slope, double cap, bool is_half) {
  int64_t rows = 11, count = rows * width;
  values x = drawn(count, is_half), residual = drawn(count, is_half), gradient = drawn(count, is_half);
  values y = drawn(count, is_half), by_x = drawn(count, is_half), by_residual = drawn(count, is_half);
  values scale = drawn(width, false), shift = drawn(width, false), origin = drawn(width, false);
  values slopes = drawn(width, false), offsets = drawn(width, false);
  values sums = drawn(width, false), squares = drawn(width, false);
  values sums_of_g = drawn(width, false), products = drawn(width, false);
  mcdrl_normalization call = {rows, width, x.stored, adds ? residual.stored : NULL, scale.stored, shift.stored,
                              (float)slope, (float)cap, is_half};
  mcdrl_normalization_sums(&call, origin.stored, sums.stored, squares.stored);
  mcdrl_normalization_apply(&call, y.stored);
  mcdrl_normalization_gradient_sums(&call, origin.stored, gradient.stored, sums_of_g.stored, products.stored);
  mcdrl_normalization_gradient(
      &call, origin.stored, slopes.stored, offsets.stored, gradient.stored, by_x.stored, by_residual.stored);
  for (int64_t c = 0; c < width; c++) {
    sums.exact[c] = squares.exact[c] = sums_of_g.exact[c] = products.exact[c] = 0;
    for (int64_t r = 0; r < rows; r++) {
      int64_t at = r * width + c;
      double moved = x.exact[at] - origin.exact[c];
      double v = x.exact[at] * scale.exact[c] + shift.exact[c] + (adds ? residual.exact[at] : 0);
      double g = gradient.exact[at] * (v > 0 ? v < cap : slope);
      sums.exact[c] += moved, squares.exact[c] += moved * moved;
      sums_of_g.exact[c] += g, products.exact[c] += g * moved;
      y.exact[at] = v > 0 ? fmin(v, cap) : v * slope;
      by_residual.exact[at] = g;
      by_x.exact[at] = g * scale.exact[c] - moved * slopes.exact[c] - offsets.exact[c];
    }
  }
  compare(&sums, "sums of a normalisation"), compare(&squares, "squares of a normalisation");
  compare(&y, "a normalisation");
  compare(&sums_of_g, "sums of a normalisation's gradient"), compare(&products, "products of a normalisation");
  compare(&by_x, "a normalisation's gradient"), compare(&by_residual, "the gradient of what was added");
  end(x), end(residual), end(gradient), end(y), end(by_x), end(by_residual), end(scale), end(shift), end(origin);
  end(slopes), end(offsets), end(sums), end(squares), end(sums_of_g), end(products);
}

static void check_enlargement(int64_t channels, bool is_half) {
  enum { WIDTH = 5, TERMS = 3 };
  int64_t across = WIDTH + TERMS - 1, rows = TERMS + 1;
  values gradient = drawn(rows * across * channels, is_half), result = drawn(WIDTH * channels, is_half);
  values down = drawn(TERMS, false), right = drawn(WIDTH * TERMS, false);
  mcdrl_terms row = {1, TERMS, down.stored}, columns[WIDTH];
  for (int64_t w = 0; w < WIDTH; w++) columns[w] = (mcdrl_terms){w, w % (TERMS + 1), (float *)right.stored + w * TERMS};
  float *space = malloc(across * channels * sizeof(float));
  mcdrl_enlargement_gradient(
      WIDTH, across, channels, is_half, row, columns, gradient.stored, result.stored, space);
  for (int64_t w = 0; w < WIDTH; w++)
    for (int64_t c = 0; c < channels; c++) {
      double sum = 0;
      for (int64_t i = 0; i < TERMS; i++)
        for (int64_t j = 0; j < columns[w].count; j++)
          sum += gradient.exact[((1 + i) * across + w + j) * channels + c] * down.exact[i] * right.exact[w * TERMS + j];
      result.exact[w * channels + c] = sum;
    }
  compare(&result, "the gradient of an enlargement");
  end(gradient), end(result), end(down), end(right), free(space);
}

void check_training(void) {
  static const int64_t kernels[] = {1, 2, 3, 5, 7};
  static const int64_t widths[] = {16, 37, 5};
  for (int is_half = 0; is_half < 2; is_half++) {
    for (int k = 0; k < 5; k++)
      for (int64_t stride = 1; stride < 5; stride++)
        for (int64_t padding = 0; padding < kernels[k]; padding++)
          check_depthwise(kernels[k], stride, padding, is_half);
    for (int w = 0; w < 3; w++)
      for (int adds = 0; adds < 2; adds++) {
        check_normalization(widths[w], adds, 1, INFINITY, is_half);
        check_normalization(widths[w], adds, 0.01, INFINITY, is_half);
        check_normalization(widths[w], adds, 0, 0.5, is_half);
      }
    for (int w = 0; w < 3; w++) check_enlargement(widths[w], is_half);
  }
}
