// Attention without gradients, by the kernels of CKernels on libtorch's threads.
#include "door.h"
#include "libtorch_machine.h"
#include "parallel.h"
#include <CKernels.h>

#include <cmath>

namespace {

// Rows of B×H×N×d where they lie: each in one piece, be it with gaps between them.
struct Rows {
  at::Tensor held;
  char *start;
  int64_t image, head, row, size;

  explicit Rows(const at::Tensor &x) : held(x.stride(3) == 1 ? x : x.contiguous()) {
    start = static_cast<char *>(const_cast<void *>(held.const_data_ptr()));
    image = held.stride(0), head = held.stride(1), row = held.stride(2), size = held.element_size();
  }

  char *at(int64_t i, int64_t h) const { return start + (i * image + h * head) * size; }
};

}  // namespace

extern "C" {

bool mcdrl_has_attention_kernel(void) {
  // ATEN_CPU_CAPABILITY can take wide instructions from libtorch, and so from here.
  static const bool found = mcdrl_has_attention() && at::get_cpu_capability().rfind("AVX512", 0) == 0;
  return found;
}

bool mcdrl_has_tile_attention_kernel(void) {
  static const bool found = mcdrl_has_attention_kernel() && mcdrl_has_tile_attention();
  return found;
}

bool mcdrl_kernels_use_all_threads(void) { return has_workers(); }

int mcdrl_attend(
    mcdrl_tensor_t queries, mcdrl_tensor_t keys, mcdrl_tensor_t values, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    TORCH_CHECK(mcdrl_has_attention_kernel(), "this processor lacks what the kernel needs");
    const auto &q = queries->value, &k = keys->value, &v = values->value;
    auto type = q.scalar_type();
    TORCH_CHECK(type == at::kBFloat16 || type == at::kFloat, "attention is of float32 or bfloat16");
    TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.sizes() == k.sizes(), "attention is of B×H×N×d over B×H×M×d");
    auto images = q.size(0), heads = q.size(1), width = q.size(3);
    TORCH_CHECK(k.size(0) == images && k.size(1) == heads && k.size(3) == width, "queries and keys do not fit");
    TORCH_CHECK(width % 16 == 0 && k.size(2) > 0, "rows must have a multiple of 16 values, and there must be a key");
    for (const auto *x : {&q, &k, &v})
      TORCH_CHECK(x->device().is_cpu() && x->scalar_type() == type, "all must be of one type, in CPU memory");
    // As the layer after it wants them: the heads of a position lie side by side.
    auto result = at::empty({images, q.size(2), heads, width}, q.options()).transpose(1, 2);
    Rows from_q(q), from_k(k), from_v(v), to(result);
    bool has_tiles = type == at::kBFloat16 && width % 32 == 0 && mcdrl_has_tile_attention_kernel();
    auto words = (has_tiles ? mcdrl_tile_attention_words : mcdrl_attention_words)(k.size(2), width);
    auto workspaces = at::empty({workers(images * heads, 1), words}, at::kInt);
    auto space = workspaces.data_ptr<int32_t>();
    auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(width)));
    auto attend = type == at::kFloat ? mcdrl_attention_float
                  : has_tiles        ? mcdrl_tile_attention
                                     : mcdrl_attention_bfloat16;
    int64_t query_count = q.size(2), key_count = k.size(2);
    side_by_side(images * heads, 1, [&](int64_t i, int64_t worker) {
      auto image = i / heads, head = i % heads;
      mcdrl_attention call{
          from_q.at(image, head), from_k.at(image, head), from_v.at(image, head), to.at(image, head),
          query_count, key_count, width, from_q.row, from_k.row, from_v.row, to.row, scale};
      attend(&call, space + worker * words);
    });
    *out = wrap(result);
  });
}

}  // extern "C"
