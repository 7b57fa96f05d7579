// Rows of tensors as bytes, by the kernels of CKernels on libtorch's threads.
#include "door.h"
#include "parallel.h"
#include <CKernels.h>

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
    auto each = [&](auto row) { side_by_side(scale.numel(), 64, [&](int64_t i, int64_t) { row(i); }); };
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
