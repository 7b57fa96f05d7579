// Linear layers in float32 by oneDNN, on processors where libtorch's own are slower.
#include "libtorch_machine.h"
#include "libtorch_operators.h"
#include "training.h"

namespace {

// libtorch takes MKL, which has no code for AMD's processors with AVX-512.
bool has_quicker_products() {
#if defined(__x86_64__) && defined(__linux__)
  static const bool found = [] {
    __builtin_cpu_init();
    return __builtin_cpu_is("amd") && __builtin_cpu_supports("avx512f") && at::globalContext().userEnabledMkldnn()
           && c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""}).has_value();
  }();
  return found;
#else
  return false;
#endif
}

// x · weightᵀ + bias of matrices.
at::Tensor product(const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &bias = {}) {
  static const auto call = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "");
  torch::jit::Stack stack{
      x, weight, bias ? c10::IValue(*bias) : c10::IValue(), std::string("none"),
      c10::impl::toList(c10::List<std::optional<at::Scalar>>()), std::string()};
  call.callBoxed(&stack);
  return stack[0].toTensor();
}

struct Product : torch::autograd::Function<Product> {
  static at::Tensor forward(
      torch::autograd::AutogradContext *context, const at::Tensor &x, const at::Tensor &weight,
      const std::optional<at::Tensor> &bias) {
    context->save_for_backward({x, weight});
    context->saved_data["has_bias"] = bias.has_value();
    return product(x, weight, bias);
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext *context, torch::autograd::variable_list outputs) {
    require_once();
    auto saved = context->get_saved_variables();
    auto gradient = outputs[0].contiguous();
    at::Tensor by_x, by_weight, by_bias;
    if (context->needs_input_grad(0)) by_x = product(gradient, saved[1].t());
    if (context->needs_input_grad(1)) by_weight = product(gradient.t(), saved[0].t());
    // A missing tensor is not counted among the inputs.
    if (context->saved_data["has_bias"].toBool() && context->needs_input_grad(2)) by_bias = gradient.sum(0);
    return {by_x, by_weight, by_bias};
  }
};

}  // namespace

extern "C" int mcdrl_linear(
    mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    const auto &in = x->value, &by = weight->value;
    std::optional<at::Tensor> added;
    if (bias) added = bias->value;
    bool applies = has_quicker_products() && in.device().is_cpu()
                   && !at::autocast::is_autocast_enabled(at::kCPU) && in.scalar_type() == at::kFloat
                   && by.scalar_type() == at::kFloat && in.dim() > 1 && by.dim() == 2 && in.size(-1) == by.size(1)
                   && (!added || (added->scalar_type() == at::kFloat && added->dim() == 1 && added->size(0) == by.size(0)));
    // The matrices are laid out anew in each call, which is worth it for large ones alone. So the last bits of a row can
    // depend on how many rows there are.
    applies = applies && by.size(0) >= 64 && by.size(1) >= 64 && in.numel() / by.size(1) >= 64;
    if (!applies) {
      *out = wrap(at::linear(in, by, added));
      return;
    }
    auto shape = in.sizes().vec();
    shape.back() = by.size(0);
    auto rows = in.reshape({-1, by.size(1)}).contiguous();
    auto found = at::GradMode::is_enabled() ? Product::apply(rows, by, added) : product(rows, by, added);
    *out = wrap(found.reshape(shape));
  });
}
