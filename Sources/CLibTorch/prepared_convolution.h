// Convolutions of inference that oneDNN describes once for each shape of the input. libtorch would describe them anew in
// each call, which takes as long as a small convolution.
#pragma once
#include "door.h"
#include "onednn.h"

#ifdef MCDRL_HAS_ONEDNN
#include <memory>
#include <mutex>
#include <vector>

namespace prepared {

inline void check(dnnl_status_t status, const char *what) {
  TORCH_CHECK(status == dnnl_success, "oneDNN: ", what, ": ", onednn()->status2str(status));
}

// An object of oneDNN with its owner.
template <typename Object, auto Destroy> struct Owned {
  Object object = nullptr;
  Owned() = default;
  Owned(const Owned &) = delete;
  Owned &operator=(const Owned &) = delete;
  ~Owned() { if (object) (onednn()->*Destroy)(object); }
  Object *out() { return &object; }
  operator Object() const { return object; }
};
using Layout = Owned<dnnl_memory_desc_t, &OneDNN::memory_desc_destroy>;
using Memory = Owned<dnnl_memory_t, &OneDNN::memory_destroy>;
using Primitive = Owned<dnnl_primitive_t, &OneDNN::primitive_destroy>;
using Plan = Owned<dnnl_primitive_desc_t, &OneDNN::primitive_desc_destroy>;
using PostOps = Owned<dnnl_post_ops_t, &OneDNN::post_ops_destroy>;
using Attributes = Owned<dnnl_primitive_attr_t, &OneDNN::primitive_attr_destroy>;
using Stream = Owned<dnnl_stream_t, &OneDNN::stream_destroy>;

// What is added to a convolution before the activation: nothing, another tensor, or what lies in the result's own memory.
enum class Sum { none, other, own };

// A convolution of inputs of one shape.
struct Call {
  std::vector<int64_t> shape;  // of the input
  int threads;
  Sum sum;
  Layout in, out, weights, bias, scratch;
  Primitive primitive;
  at::Tensor packed;  // the weights, as the primitive reads them
  int64_t scratch_bytes;
};

}  // namespace prepared

// A layer with constant weights. Threads may share it. What it keeps follows from its weights and the shapes alone, so
// keeping or dropping it changes no result.
struct mcdrl_convolution {
  mcdrl_convolution(const at::Tensor &weight, const at::Tensor &bias, const mcdrl_convolution_options &options);

  at::Tensor call(const at::Tensor &x, const at::Tensor *residual, bool in_place);

private:
  // A batch and a smaller last one, at two image sizes, on one thread and on all.
  static constexpr size_t most = 8;

  const std::vector<int64_t> sizes;  // of the weights, out×(in/groups)×k×k
  const at::ScalarType element;      // of the weights, inputs and results
  const at::Tensor bias;             // in float32, if there is one
  const int64_t stride, padding, groups;
  const dnnl_alg_kind_t activation;  // dnnl_alg_kind_undef for none
  const float alpha, beta;

  std::mutex mutex;
  at::Tensor plain;  // the weights as they were given, until the first call packs them
  std::vector<std::shared_ptr<prepared::Call>> calls;  // the last used come last

  std::shared_ptr<prepared::Call> prepare(const at::Tensor &x, prepared::Sum sum);
  std::shared_ptr<prepared::Call> describe(const at::Tensor &x, prepared::Sum sum);
  dnnl_data_type_t type() const;
  std::vector<int64_t> weight_shape() const;
  std::vector<int64_t> result_shape(const at::Tensor &x) const;
  at::Tensor pack(const_dnnl_memory_desc_t wanted);
};
#endif
