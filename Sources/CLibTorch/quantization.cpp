// Rows of tensors as bytes, by the kernels of CKernels on libtorch's threads.
#include "door.h"
#include <CKernels.h>

#include <ATen/Parallel.h>

#include <algorithm>

extern "C" {
__attribute__((weak)) void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
__attribute__((weak)) int omp_get_thread_num(void);
__attribute__((weak)) int omp_get_num_threads(void);
}

namespace {

// Calls body(i) for all i, on libtorch's own threads where those are GNU's OpenMP; at::parallel_for would start none, for it
// must be compiled with OpenMP, and Swift's clang has that of LLVM.
template <typename Body> void side_by_side(int64_t count, int64_t grain, const Body &body) {
  struct Work { int64_t count; const Body &body; } work{count, body};
  auto threads = std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain);
  if (threads < 2 || !GOMP_parallel || !omp_get_thread_num || !omp_get_num_threads || at::in_parallel_region()) {
    for (int64_t i = 0; i < count; i++) body(i);
    return;
  }
  GOMP_parallel([](void *context) {
    auto &work = *static_cast<Work *>(context);
    int64_t own = omp_get_thread_num(), all = omp_get_num_threads();
    for (int64_t i = work.count * own / all; i < work.count * (own + 1) / all; i++) work.body(i);
  }, &work, static_cast<unsigned>(threads), 0);
}

}  // namespace

extern "C" {

int mcdrl_quantize_rows(mcdrl_tensor_t tensor, mcdrl_tensor_t *codes, mcdrl_tensor_t *scales, char **error) {
  return guarded(error, [&] {
    auto x = tensor->value.contiguous();
    TORCH_CHECK(x.device().is_cpu(), "rows to quantise must be in CPU memory");
    TORCH_CHECK(x.dim() > 0, "a single number has no rows");
    auto shape = x.sizes().vec();
    auto width = shape.back();
    shape.back() = 1;
    auto found = at::empty(x.sizes(), at::kByte);
    auto scale = at::empty(shape, x.scalar_type());
    auto out = found.mutable_data_ptr<uint8_t>();
    auto each = [&](auto row) { side_by_side(scale.numel(), 64, row); };
    if (x.scalar_type() == at::kBFloat16) {
      auto rows = reinterpret_cast<const uint16_t *>(x.const_data_ptr());
      auto values = static_cast<uint16_t *>(scale.mutable_data_ptr());
      each([=](int64_t i) { mcdrl_row_from_bfloat16(rows + i * width, width, out + i * width, values + i); });
    } else {
      auto rows = x.const_data_ptr<float>();
      auto values = scale.mutable_data_ptr<float>();
      each([=](int64_t i) { mcdrl_row_from_float(rows + i * width, width, out + i * width, values + i); });
    }
    *codes = wrap(found);
    *scales = wrap(scale);
  });
}

}  // extern "C"
