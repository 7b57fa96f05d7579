// Attention without gradients, by the kernel of CKernels on libtorch's threads.
#include "door.h"
#include "parallel.h"
#include <CKernels.h>

#include <cmath>

extern "C" {

bool mcdrl_attention_is_quick(void) {
  static const bool found = mcdrl_has_attention();
  return found;
}

int mcdrl_attend(
    mcdrl_tensor_t queries, mcdrl_tensor_t keys, mcdrl_tensor_t values, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    TORCH_CHECK(mcdrl_attention_is_quick(), "this processor lacks what the kernel needs");
    // Rows must lie in one piece, be it with gaps between them.
    auto rows = [](const at::Tensor &x) { return x.stride(3) == 1 ? x : x.contiguous(); };
    const auto &q = queries->value, &k = keys->value, &v = values->value;
    auto type = q.scalar_type();
    TORCH_CHECK(type == at::kBFloat16 || type == at::kFloat, "attention is of float32 or bfloat16");
    TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.sizes() == k.sizes(), "attention is of B×H×N×d over B×H×M×d");
    auto images = q.size(0), heads = q.size(1), width = q.size(3);
    TORCH_CHECK(k.size(0) == images && k.size(1) == heads && k.size(3) == width, "queries and keys do not fit");
    TORCH_CHECK(width % 16 == 0 && k.size(2) > 0, "rows must have a multiple of 16 values, and there must be a key");
    for (const auto *x : {&q, &k, &v})
      TORCH_CHECK(x->device().is_cpu() && x->scalar_type() == type, "all must be of one type, in CPU memory");
    auto x = rows(q), y = rows(k), z = rows(v);
    // As the layer after it wants them: the heads of a position lie side by side.
    auto found = at::empty({images, q.size(2), heads, width}, q.options());
    auto words = mcdrl_attention_words(k.size(2), width);
    auto spaces = at::empty({workers(images * heads, 1), words}, at::kInt);
    auto size = x.element_size();
    auto start = [size](const at::Tensor &t, int64_t image, int64_t head) {
      return static_cast<char *>(t.data_ptr()) + (image * t.stride(0) + head * t.stride(1)) * size;
    };
    auto space = spaces.data_ptr<int32_t>();
    auto put = found.transpose(1, 2);
    side_by_side(images * heads, 1, [&](int64_t i, int64_t worker) {
      auto image = i / heads, head = i % heads;
      mcdrl_attention one{
          start(x, image, head), start(y, image, head), start(z, image, head), start(put, image, head),
          x.size(2), y.size(2), width, x.stride(2), y.stride(2), z.stride(2), put.stride(2),
          static_cast<float>(1 / std::sqrt(static_cast<double>(width)))};
      auto own = space + worker * words;
      type == at::kFloat ? mcdrl_attention_float(&one, own) : mcdrl_attention_bfloat16(&one, own);
    });
    *out = wrap(put);
  });
}

}  // extern "C"
