// Shared by operators of training with a backward pass of their own. Each falls back to libtorch where its kernels do not
// apply. Results do not depend on the number of threads: sums are made of parts of a fixed size, in a fixed order.
#pragma once
#include "autograd.h"
#include "door.h"
#include "parallel.h"
#include <CKernelsTraining.h>

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

inline bool is_half(const at::Tensor &x) { return x.scalar_type() == at::kBFloat16; }

// Whether the kernels take a tensor: with channels last, in CPU memory, where all threads can be had.
inline bool fits(const at::Tensor &x) {
  return x.device().is_cpu() && x.dim() == 4 && x.numel() > 0 && (is_half(x) || x.scalar_type() == at::kFloat)
         && x.is_contiguous(at::MemoryFormat::ChannelsLast) && (has_workers() || at::get_num_threads() == 1);
}

inline at::Tensor like(const at::Tensor &x) { return at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast); }

// A gradient as the kernels read it.
inline at::Tensor laid_out(const at::Tensor &gradient, const at::Tensor &x) {
  return gradient.to(x.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
}

// The kernels leave no graph, so a gradient of a gradient would be wrong.
inline void require_once() {
  TORCH_CHECK(
      !at::GradMode::is_enabled(),
      "gradients of gradients do not pass through the kernels of training; ",
      "in float64 libtorch's operators take their place");
}

}  // namespace
