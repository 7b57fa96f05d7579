// Bilinear resizing of training.
#include "training.h"

#include <vector>

namespace {

// The terms of each input position of one axis: the outputs that read it, with their weights.
struct Axis {
  std::vector<std::vector<float>> weights;
  std::vector<mcdrl_terms> terms;

  Axis(int64_t size, int64_t out) : weights(size), terms(size) {
    double step = static_cast<double>(size) / out;
    for (auto &each : terms) each = {0, 0, nullptr};
    auto add = [&](int64_t input, int64_t output, double weight) {
      if (weights[input].empty()) terms[input].first = output;
      weights[input].resize(output - terms[input].first + 1, 0.f);
      weights[input].back() += static_cast<float>(weight);
    };
    for (int64_t i = 0; i < out; i++) {
      double from = std::max(0.0, (i + 0.5) * step - 0.5);
      int64_t low = std::min<int64_t>(static_cast<int64_t>(from), size - 1), high = std::min(low + 1, size - 1);
      add(low, i, 1 - (from - low));
      add(high, i, from - low);
    }
    for (int64_t i = 0; i < size; i++)
      terms[i].count = static_cast<int64_t>(weights[i].size()), terms[i].weights = weights[i].data();
  }
};

struct Enlargement : torch::autograd::Function<Enlargement> {
  static at::Tensor forward(AutogradContext *context, const at::Tensor &x, int64_t height, int64_t width) {
    context->saved_data["shape"] = x.sizes().vec();
    return at::upsample_bilinear2d(x, {height, width}, false);
  }

  static variable_list backward(AutogradContext *context, variable_list outputs) {
    require_once();
    auto shape = context->saved_data["shape"].toIntVector();
    auto gradient = outputs[0].contiguous(at::MemoryFormat::ChannelsLast);
    auto by_x = at::empty(shape, gradient.options().memory_format(at::MemoryFormat::ChannelsLast));
    int64_t channels = shape[1], height = shape[2], width = shape[3], out_width = gradient.size(3);
    Axis rows(height, gradient.size(2)), columns(width, out_width);
    int64_t count = shape[0] * height, words = out_width * channels, size = gradient.element_size();
    auto workspaces = at::empty({workers(count, 1), words}, at::kFloat);
    auto space = workspaces.mutable_data_ptr<float>();
    auto from = static_cast<const char *>(gradient.const_data_ptr());
    auto to = static_cast<char *>(by_x.mutable_data_ptr());
    side_by_side(count, 1, [&](int64_t i, int64_t worker) {
      auto image = i / height;
      mcdrl_enlargement_gradient(
          width, out_width, channels, is_half(gradient), rows.terms[i % height], columns.terms.data(),
          from + image * gradient.stride(0) * size, to + i * width * channels * size, space + worker * words);
    });
    return {by_x, {}, {}};
  }
};

}  // namespace

extern "C" int mcdrl_enlarge(mcdrl_tensor_t x, int64_t height, int64_t width, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    const auto &image = x->value;
    bool applies = fits(image) && at::GradMode::is_enabled() && height >= image.size(2) && width >= image.size(3);
    if (!applies) {
      *out = wrap(at::upsample_bilinear2d(image, {height, width}, false));
      return;
    }
    c10::impl::ExcludeDispatchKeyGuard without(c10::DispatchKey::AutocastCPU);
    *out = wrap(Enlargement::apply(image, height, width));
  });
}
