// Batch normalisation of training with an addition and an activation.
#include "training.h"

#include <array>
#include <cmath>
#include <vector>

namespace {

// Two sums for each channel.
using Sums = std::array<std::vector<double>, 2>;

// Rows of whole pixels, folded so that 16 values fit into them where possible, in parts of a fixed size.
struct Parts {
  int64_t channels, fold = 1, width, rows, each, count;
  double pixels;

  explicit Parts(const at::Tensor &x) : channels(x.size(1)) {
    rows = x.numel() / channels;
    pixels = static_cast<double>(rows);
    while (channels * fold % 16 != 0 && rows % 2 == 0) fold *= 2, rows /= 2;
    width = channels * fold;
    each = std::max<int64_t>(1, 65536 / width);
    count = (rows + each - 1) / each;
  }

  // Values for each column, of those for each channel.
  template <typename Value> std::vector<float> columns(const Value &value) const {
    std::vector<float> found(width);
    for (int64_t c = 0; c < channels; c++) found[c] = value(c);
    for (int64_t i = channels; i < width; i++) found[i] = found[i - channels];
    return found;
  }

  // Calls body(part, first element, rows) for all parts.
  template <typename Body> void each_part(const Body &body) const {
    side_by_side(count, 1, [&](int64_t i, int64_t) { body(i, i * each * width, std::min(each, rows - i * each)); });
  }

  // Two sums of all parts, for each channel, in double precision. body(first element, rows, sums, others) makes those of
  // a part.
  template <typename Body> Sums sums(const Body &body) const {
    std::vector<float> found(count * 2 * width);
    each_part([&](int64_t part, int64_t first, int64_t rows) {
      auto place = found.data() + part * 2 * width;
      body(first, rows, place, place + width);
    });
    Sums total{std::vector<double>(channels), std::vector<double>(channels)};
    for (int64_t i = 0; i < count * 2; i++)
      for (int64_t c = 0; c < width; c++) total[i % 2][c % channels] += found[i * width + c];
    return total;
  }
};

// What a pass over rows needs besides x: a scale and a shift for each column, and the activation.
struct Line {
  const at::Tensor &x, &residual;
  std::vector<float> scale, shift;
  double slope, cap;

  mcdrl_normalization rows(int64_t width, int64_t first, int64_t count) const {
    auto from = [&](const at::Tensor &t) -> const void * {
      return t.defined() ? static_cast<const char *>(t.const_data_ptr()) + first * t.element_size() : nullptr;
    };
    return {count, width, from(x), from(residual), scale.data(), shift.data(), static_cast<float>(slope),
            static_cast<float>(cap), is_half(x)};
  }
};

// The sums over rows of x − origin and of its square, for each channel.
Sums sums_around(const Parts &parts, const at::Tensor &x, const std::vector<float> &origin) {
  Line line{x, {}, origin, origin, 1, INFINITY};
  return parts.sums([&](int64_t first, int64_t rows, float *sums, float *squares) {
    auto own = line.rows(parts.width, first, rows);
    mcdrl_normalization_sums(&own, origin.data(), sums, squares);
  });
}

// Whether an origin is more than 8 standard deviations from the mean. Then squares lose two digits or more.
bool is_far(const Parts &parts, const Sums &found) {
  for (int64_t c = 0; c < parts.channels; c++) {
    double moved = found[0][c] / parts.pixels;
    if (moved * moved > 64 * (found[1][c] / parts.pixels - moved * moved)) return true;
  }
  return false;
}

struct Normalization : torch::autograd::Function<Normalization> {
  // The rows of what is kept: a number for each channel.
  enum { SCALE, SHIFT, MEAN, INVERSE, ROWS };

  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias,
      const std::optional<at::Tensor> &given, const at::Tensor &running_mean, const at::Tensor &running_variance,
      bool training, double momentum, double epsilon, double slope, double cap) {
    Parts parts(x);
    auto residual = given.value_or(at::Tensor());
    auto channels = parts.channels;
    auto kept = at::empty({ROWS, channels}, at::kFloat);
    auto scale = kept.mutable_data_ptr<float>(), shift = scale + channels, mean = shift + channels, inverse = mean + channels;
    auto old_mean = running_mean.mutable_data_ptr<float>(), old_variance = running_variance.mutable_data_ptr<float>();
    auto by = weight.const_data_ptr<float>(), plus = bias.const_data_ptr<float>();
    std::vector<double> variance(old_variance, old_variance + channels);
    std::copy(old_mean, old_mean + channels, mean);
    if (training) {
      // The first pixel is near enough to the mean for differences of squares, unless it is unlike the others, as that
      // of a dark corner may be. Then the sums are made again around the mean.
      auto origin = parts.columns([&](int64_t c) {
        return is_half(x) ? static_cast<float>(x.const_data_ptr<at::BFloat16>()[c]) : x.const_data_ptr<float>()[c];
      });
      auto total = sums_around(parts, x, origin);
      if (is_far(parts, total)) {
        for (int64_t i = 0; i < parts.width; i++)
          origin[i] = static_cast<float>(origin[i] + total[0][i % channels] / parts.pixels);
        total = sums_around(parts, x, origin);
      }
      const auto &sums = total[0], &squares = total[1];
      for (int64_t c = 0; c < channels; c++) {
        double moved = sums[c] / parts.pixels;
        variance[c] = std::max(0.0, squares[c] / parts.pixels - moved * moved);
        mean[c] = static_cast<float>(origin[c] + moved);
        double unbiased = variance[c] * parts.pixels / std::max(1.0, parts.pixels - 1);
        old_mean[c] = static_cast<float>((1 - momentum) * old_mean[c] + momentum * mean[c]);
        old_variance[c] = static_cast<float>((1 - momentum) * old_variance[c] + momentum * unbiased);
      }
    }
    for (int64_t c = 0; c < channels; c++) {
      inverse[c] = static_cast<float>(1 / std::sqrt(variance[c] + epsilon));
      scale[c] = by[c] * inverse[c];
      shift[c] = plus[c] - mean[c] * scale[c];
    }
    auto y = like(x);
    auto to = static_cast<char *>(y.mutable_data_ptr());
    Line line{
        x, residual, parts.columns([&](int64_t c) { return scale[c]; }),
        parts.columns([&](int64_t c) { return shift[c]; }), slope, cap};
    parts.each_part([&](int64_t, int64_t first, int64_t count) {
      auto own = line.rows(parts.width, first, count);
      mcdrl_normalization_apply(&own, to + first * y.element_size());
    });
    context->save_for_backward({x, residual, kept});
    context->saved_data["training"] = training;
    context->saved_data["slope"] = slope;
    context->saved_data["cap"] = cap;
    return y;
  }

  static variable_list backward(AutogradContext *context, variable_list outputs) {
    require_once();
    auto saved = context->get_saved_variables();
    const auto &x = saved[0], &residual = saved[1];
    Parts parts(x);
    auto channels = parts.channels;
    auto scale = saved[2].const_data_ptr<float>(), shift = scale + channels, mean = shift + channels,
         inverse = mean + channels;
    Line line{
        x, residual, parts.columns([&](int64_t c) { return scale[c]; }),
        parts.columns([&](int64_t c) { return shift[c]; }), context->saved_data["slope"].toDouble(),
        context->saved_data["cap"].toDouble()};
    auto means = parts.columns([&](int64_t c) { return mean[c]; });
    auto gradient = laid_out(outputs[0], x);
    auto out = static_cast<const char *>(gradient.const_data_ptr());
    int64_t size = x.element_size();
    auto total = parts.sums([&](int64_t first, int64_t rows, float *sums, float *products) {
      auto own = line.rows(parts.width, first, rows);
      mcdrl_normalization_gradient_sums(&own, means.data(), out + first * size, sums, products);
    });
    const auto &sums = total[0], &products = total[1];
    auto by_weight = at::empty({channels}, at::kFloat), by_bias = at::empty({channels}, at::kFloat);
    for (int64_t c = 0; c < channels; c++) {
      by_weight.mutable_data_ptr<float>()[c] = static_cast<float>(products[c] * inverse[c]);
      by_bias.mutable_data_ptr<float>()[c] = static_cast<float>(sums[c]);
    }
    at::Tensor by_x, by_residual;
    bool wants_residual = residual.defined() && context->needs_input_grad(3);
    if (context->needs_input_grad(0) || wants_residual) {
      double factor = context->saved_data["training"].toBool() ? 1 / parts.pixels : 0;
      auto slopes = parts.columns(
          [&](int64_t c) { return static_cast<float>(scale[c] * inverse[c] * inverse[c] * products[c] * factor); });
      auto offsets = parts.columns([&](int64_t c) { return static_cast<float>(scale[c] * sums[c] * factor); });
      by_x = like(x);
      if (wants_residual) by_residual = like(x);
      auto to = static_cast<char *>(by_x.mutable_data_ptr());
      auto to_residual = wants_residual ? static_cast<char *>(by_residual.mutable_data_ptr()) : nullptr;
      parts.each_part([&](int64_t, int64_t first, int64_t count) {
        auto own = line.rows(parts.width, first, count);
        mcdrl_normalization_gradient(
            &own, means.data(), slopes.data(), offsets.data(), out + first * size, to + first * size,
            to_residual ? to_residual + first * size : nullptr);
      });
    }
    return {by_x, by_weight, by_bias, by_residual, {}, {}, {}, {}, {}, {}, {}};
  }
};

// What the kernels compute, of libtorch's operators.
at::Tensor normalized(
    const at::Tensor &x, const at::Tensor &weight, const at::Tensor &bias, const std::optional<at::Tensor> &residual,
    const at::Tensor &mean, const at::Tensor &variance, bool training, double momentum, double epsilon, double slope,
    double cap) {
  auto y = at::batch_norm(x, weight, bias, mean, variance, training, momentum, epsilon, false);
  // In place, because nothing else needs the output of a normalisation, not even its gradient.
  if (residual) y.add_(*residual);
  if (slope == 0) at::relu_(y);
  else if (slope != 1) at::leaky_relu_(y, slope);
  return std::isinf(cap) ? y : y.clamp_max(cap);
}

}  // namespace

extern "C" int mcdrl_normalize(
    mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, mcdrl_tensor_t residual, mcdrl_tensor_t mean,
    mcdrl_tensor_t variance, bool training, double momentum, double epsilon, double slope, double cap,
    mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    const auto &image = x->value;
    auto channels = image.dim() == 4 ? image.size(1) : -1;
    bool applies = fits(image) && at::GradMode::is_enabled() && (!training || image.numel() > channels);
    for (auto each : {weight, bias, mean, variance})
      applies = applies && each->value.device().is_cpu() && each->value.scalar_type() == at::kFloat
                && each->value.is_contiguous() && each->value.numel() == channels;
    std::optional<at::Tensor> added;
    if (residual) {
      added = residual->value;
      applies = applies && fits(*added) && added->sizes() == image.sizes()
                && added->scalar_type() == image.scalar_type();
    }
    auto call = [&](auto function) {
      return function(
          image, weight->value, bias->value, added, mean->value, variance->value, training, momentum, epsilon, slope, cap);
    };
    *out = wrap(
        applies ? call([](auto &&...values) { return Normalization::apply(values...); })
                : call([](auto &&...values) { return normalized(values...); }));
  });
}
