// Depthwise convolutions of training.
#include "libtorch_machine.h"
#include "training.h"

namespace {

// libtorch's gradients by the image are slow for strides (in float32 for those with padding), those by the weights
// for kernels beyond 3×3.
struct Depthwise : torch::autograd::Function<Depthwise> {
  static at::Tensor forward(
      AutogradContext *context, const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias,
      int64_t stride, int64_t padding) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    context->saved_data["padding"] = padding;
    context->saved_data["has_bias"] = bias.has_value();
    return at::conv2d(x, weight, bias, {stride, stride}, {padding, padding}, {1, 1}, x.size(1));
  }

  static variable_list backward(AutogradContext *context, variable_list outputs) {
    require_once();
    auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    auto gradient = laid_out(outputs[0], x);
    auto channels = x.size(1), images = x.size(0), kernel = weight.size(2), taps = kernel * kernel;
    mcdrl_depthwise shape{
        x.size(2), x.size(3), gradient.size(2), gradient.size(3), channels, kernel,
        context->saved_data["stride"].toInt(), context->saved_data["padding"].toInt(), is_half(x)};
    const int64_t lanes = mcdrl_depthwise_lanes, blocks = channels / lanes, count = images * blocks;
    auto words = mcdrl_depthwise_words(&shape);
    auto workspaces = at::empty({workers(count, 1), words}, at::kFloat);
    auto space = workspaces.mutable_data_ptr<float>();
    auto out = static_cast<const char *>(gradient.const_data_ptr());
    int64_t in_size = x.stride(0) * x.element_size(), out_size = gradient.stride(0) * gradient.element_size();
    at::Tensor by_x, by_weight, by_bias;
    // A missing tensor is not counted among the inputs.
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) by_bias = gradient.sum({0, 2, 3});
    bool wants_x = context->needs_input_grad(0), wants_weight = context->needs_input_grad(1);
    bool own_x = wants_x && shape.stride > 1 && (shape.is_half || shape.padding > 0);
    bool own_weight = wants_weight && kernel > 3;
    if (wants_x != own_x || wants_weight != own_weight) {
      std::tie(by_x, by_weight, std::ignore) = at::convolution_backward(
          gradient, x, weight, {}, {shape.stride, shape.stride}, {shape.padding, shape.padding}, {1, 1}, false, {0, 0},
          channels, {wants_x && !own_x, wants_weight && !own_weight, false});
    }
    if (own_x) {
      // A block of channels has its weights in one piece.
      auto packed = weight.to(at::kFloat).reshape({blocks, lanes, taps}).transpose(1, 2).contiguous();
      auto weights = packed.const_data_ptr<float>();
      by_x = like(x);
      auto result = static_cast<char *>(by_x.mutable_data_ptr());
      side_by_side(count, 1, [&](int64_t i, int64_t worker) {
        auto image = i / blocks, block = i % blocks;
        mcdrl_depthwise_by_image(
            &shape, block * lanes, weights + block * taps * lanes, out + image * out_size, result + image * in_size,
            space + worker * words);
      });
    }
    if (own_weight) {
      auto parts = at::empty({images, blocks, taps, lanes}, at::kFloat);
      auto part = parts.mutable_data_ptr<float>();
      auto in = static_cast<const char *>(x.const_data_ptr());
      side_by_side(count, 1, [&](int64_t i, int64_t worker) {
        auto image = i / blocks, block = i % blocks;
        mcdrl_depthwise_by_weights(
            &shape, block * lanes, in + image * in_size, out + image * out_size, part + i * taps * lanes,
            space + worker * words);
      });
      by_weight = parts.sum(0).transpose(1, 2).reshape(weight.sizes()).to(weight.scalar_type());
    }
    return {by_x, by_weight, by_bias, {}, {}};
  }
};

// The type that autocast gives to convolutions; that of x without it.
at::Tensor cast(const at::Tensor &x) {
  if (!at::autocast::is_autocast_enabled(at::kCPU)) return x;
  return at::autocast::cached_cast(at::autocast::get_autocast_dtype(at::kCPU), x, c10::DeviceType::CPU);
}

}  // namespace

extern "C" int mcdrl_depthwise_convolution(
    mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, int64_t stride, int64_t padding, mcdrl_tensor_t *out,
    char **error) {
  return guarded(error, [&] {
    auto own = [&](mcdrl_tensor_t each) { return x->value.device().is_cpu() ? cast(each->value) : each->value; };
    auto image = own(x), kernel = own(weight);
    std::optional<at::Tensor> added;
    if (bias) added = own(bias);
    TORCH_CHECK(image.dim() == 4 && kernel.dim() == 4, "a depthwise convolution is of B×C×H×W by C×1×k×k");
    bool applies = fits(image) && at::GradMode::is_enabled() && kernel.scalar_type() == image.scalar_type()
                   && kernel.size(0) == image.size(1) && kernel.size(1) == 1 && kernel.size(2) == kernel.size(3)
                   && kernel.size(2) <= 7 && stride > 0 && padding >= 0 && padding < kernel.size(2)
                   && image.size(1) % mcdrl_depthwise_lanes == 0
                   && std::min(image.size(2), image.size(3)) + 2 * padding >= kernel.size(2);
    *out = wrap(
        applies ? Depthwise::apply(image, kernel, added, stride, padding)
                : at::conv2d(
                      image, kernel, added, {stride, stride}, {padding, padding}, {1, 1}, image.size(1)));
  });
}
