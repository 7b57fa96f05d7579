// Describes convolutions to oneDNN, packs their weights and runs them.
#include "prepared_convolution.h"

#ifdef MCDRL_HAS_ONEDNN
#include <algorithm>
#include <numeric>

using namespace prepared;

namespace {

// Sets `to` to the layout of a tensor in one piece, with the dimensions in this order from the slowest to the fastest.
void lay_out(Layout &to, at::IntArrayRef shape, dnnl_data_type_t type, std::vector<int> order) {
  dnnl_dims_t sizes, strides;
  std::copy(shape.begin(), shape.end(), sizes);
  int64_t stride = 1;
  for (auto i = order.rbegin(); i != order.rend(); i++) strides[*i] = stride, stride *= shape[*i];
  check(
      onednn()->memory_desc_create_with_strides(to.out(), static_cast<int>(shape.size()), sizes, type, strides),
      "a layout");
}

// Sets `to` to any layout, which oneDNN chooses.
void lay_out_freely(Layout &to, at::IntArrayRef shape, dnnl_data_type_t type) {
  dnnl_dims_t sizes;
  std::copy(shape.begin(), shape.end(), sizes);
  check(
      onednn()->memory_desc_create_with_tag(
          to.out(), static_cast<int>(shape.size()), sizes, type, dnnl_format_tag_any), "a layout");
}

void copy_layout(Layout &to, const Plan &plan, dnnl_query_t which) {
  check(onednn()->memory_desc_clone(to.out(), onednn()->primitive_desc_query_md(plan, which, 0)), "a layout");
}

void hold(Memory &to, const_dnnl_memory_desc_t layout, const void *data) {
  check(onednn()->memory_create(to.out(), layout, onednn()->engine, const_cast<void *>(data)), "memory");
}

void run(dnnl_primitive_t primitive, const std::vector<dnnl_exec_arg_t> &arguments) {
  Stream stream;
  check(onednn()->stream_create(stream.out(), onednn()->engine, dnnl_stream_default_flags), "a stream");
  check(
      onednn()->primitive_execute(primitive, stream, static_cast<int>(arguments.size()), arguments.data()),
      "running a primitive");
  check(onednn()->stream_wait(stream), "running a primitive");
}

dnnl_alg_kind_t kind_of(mcdrl_activation activation) {
  switch (activation) {
    case MCDRL_NO_ACTIVATION: return dnnl_alg_kind_undef;
    case MCDRL_RELU: return dnnl_eltwise_relu;
    case MCDRL_CLAMP: return dnnl_eltwise_clip;
    case MCDRL_SILU: return dnnl_eltwise_swish;
  }
  TORCH_CHECK(false, "unknown activation ", static_cast<int>(activation));
}

const int with_other = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;

}  // namespace

// The weights of a compiled layer are its own: later changes of the weights must not reach it.
mcdrl_convolution::mcdrl_convolution(const at::Tensor &w, const at::Tensor &b, const mcdrl_convolution_options &options)
    : sizes(w.sizes().vec()), element(w.scalar_type()),
      bias(b.defined() ? b.detach().to(at::kFloat).clone(at::MemoryFormat::Contiguous) : b),
      stride(options.stride), padding(options.padding), groups(options.groups),
      activation(kind_of(options.activation)), alpha(static_cast<float>(options.alpha)),
      beta(static_cast<float>(options.beta)), plain(w.detach().clone(at::MemoryFormat::Contiguous)) {
  TORCH_CHECK(onednn(), "oneDNN is missing: scripts/bootstrap puts it in place");
  TORCH_CHECK(w.device().is_cpu(), "the weights must be in CPU memory");
  TORCH_CHECK(w.scalar_type() == at::kFloat || w.scalar_type() == at::kBFloat16, "weights are of float32 or bfloat16");
  TORCH_CHECK(w.dim() == 4, "weights are out×in×k×k, not ", w.sizes());
  TORCH_CHECK(w.numel() > 0, "there must be weights");
  TORCH_CHECK(stride > 0 && padding >= 0, "the stride must be at least 1, and the padding not negative");
  TORCH_CHECK(groups > 0 && w.size(0) % groups == 0, "the groups must divide the outputs");
  TORCH_CHECK(!b.defined() || (b.dim() == 1 && b.size(0) == w.size(0)), "the bias must have a value for each output");
}

// As oneDNN wants it: groups are a dimension of their own.
std::vector<int64_t> mcdrl_convolution::weight_shape() const {
  if (groups == 1) return sizes;
  return {groups, sizes[0] / groups, sizes[1], sizes[2], sizes[3]};
}

dnnl_data_type_t mcdrl_convolution::type() const {
  return element == at::kBFloat16 ? dnnl_bf16 : dnnl_f32;
}

// From the weights as they were given, or from an earlier packing: both hold the same numbers.
at::Tensor mcdrl_convolution::pack(const_dnnl_memory_desc_t wanted) {
  for (const auto &call : calls)
    if (onednn()->memory_desc_equal(call->weights, wanted)) return call->packed;
  Layout given;
  if (plain.defined()) {
    auto shape = weight_shape();
    std::vector<int> order(shape.size());
    std::iota(order.begin(), order.end(), 0);
    lay_out(given, shape, type(), order);
  }
  const_dnnl_memory_desc_t from_layout = plain.defined() ? given.object : calls.back()->weights.object;
  auto packed = at::empty({static_cast<int64_t>(onednn()->memory_desc_get_size(wanted))}, at::kByte);
  Plan plan;
  check(
      onednn()->reorder_primitive_desc_create(
          plan.out(), from_layout, onednn()->engine, wanted, onednn()->engine, nullptr), "packing weights");
  Primitive reorder;
  check(onednn()->primitive_create(reorder.out(), plan), "packing weights");
  Memory from, to;
  hold(from, from_layout, (plain.defined() ? plain : calls.back()->packed).const_data_ptr());
  hold(to, wanted, packed.mutable_data_ptr());
  run(reorder, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  plain.reset();
  return packed;
}

std::vector<int64_t> mcdrl_convolution::result_shape(const at::Tensor &x) const {
  auto side = [&](int i) { return (x.size(i) + 2 * padding - sizes[i]) / stride + 1; };
  return {x.size(0), sizes[0], side(2), side(3)};
}

std::shared_ptr<Call> mcdrl_convolution::describe(const at::Tensor &x, Sum sum) {
  auto call = std::make_shared<Call>();
  call->shape = x.sizes().vec(), call->threads = at::get_num_threads(), call->sum = sum;
  auto out_shape = result_shape(x);
  lay_out(call->in, call->shape, type(), {0, 2, 3, 1});
  lay_out(call->out, out_shape, type(), {0, 2, 3, 1});
  if (bias.defined()) lay_out(call->bias, {sizes[0]}, dnnl_f32, {0});

  PostOps after;
  check(onednn()->post_ops_create(after.out()), "attributes");
  if (sum == Sum::own) check(onednn()->post_ops_append_sum(after, 1, 0, dnnl_data_type_undef), "a sum");
  if (sum == Sum::other) check(onednn()->post_ops_append_binary(after, dnnl_binary_add, call->out), "a sum");
  if (activation != dnnl_alg_kind_undef)
    check(onednn()->post_ops_append_eltwise(after, activation, alpha, beta), "an activation");
  Attributes attributes;
  check(onednn()->primitive_attr_create(attributes.out()), "attributes");
  check(onednn()->primitive_attr_set_post_ops(attributes, after), "attributes");
  // Threads share a primitive, so each call brings its own working memory.
  check(onednn()->primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), "attributes");

  Layout any;
  lay_out_freely(any, weight_shape(), type());
  Plan plan;
  dnnl_dims_t strides{stride, stride}, steps{0, 0}, zeros{padding, padding};
  check(
      onednn()->convolution_forward_primitive_desc_create(
          plan.out(), onednn()->engine, dnnl_forward_inference, dnnl_convolution_direct, call->in, any, call->bias,
          call->out, strides, steps, zeros, zeros, attributes), "a convolution");
  copy_layout(call->weights, plan, dnnl_query_weights_md);
  copy_layout(call->scratch, plan, dnnl_query_scratchpad_md);
  call->scratch_bytes = static_cast<int64_t>(onednn()->memory_desc_get_size(call->scratch));
  check(onednn()->primitive_create(call->primitive.out(), plan), "a primitive");
  call->packed = pack(call->weights);
  return call;
}

std::shared_ptr<Call> mcdrl_convolution::prepare(const at::Tensor &x, Sum sum) {
  auto threads = at::get_num_threads();
  std::lock_guard lock(mutex);
  auto found = std::find_if(calls.begin(), calls.end(), [&](const auto &call) {
    return call->sum == sum && call->threads == threads && x.sizes() == at::IntArrayRef(call->shape);
  });
  std::shared_ptr<Call> call;
  if (found != calls.end()) {
    call = *found;
    calls.erase(found);
  } else {
    call = describe(x, sum);
    if (calls.size() == most) calls.erase(calls.begin());
  }
  calls.push_back(call);
  return call;
}

at::Tensor mcdrl_convolution::call(const at::Tensor &given, const at::Tensor *residual, bool in_place) {
  TORCH_CHECK(given.device().is_cpu(), "a prepared convolution is for the CPU, and its input is not in CPU memory");
  TORCH_CHECK(given.dim() == 4, "a convolution takes B×C×H×W, not ", given.sizes());
  TORCH_CHECK(
      given.size(1) == sizes[1] * groups, "the convolution takes ", sizes[1] * groups, " channels, not ",
      given.sizes());
  TORCH_CHECK(
      given.size(2) + 2 * padding >= sizes[2] && given.size(3) + 2 * padding >= sizes[3],
      "the kernel is larger than the padded image ", given.sizes());
  auto shape = result_shape(given);
  TORCH_CHECK(
      !residual || residual->sizes() == at::IntArrayRef(shape), "the tensor to add must have the shape ", shape);
  auto laid_out = [&](const at::Tensor &each) { return each.to(element).contiguous(at::MemoryFormat::ChannelsLast); };
  auto x = laid_out(given);
  auto other = residual ? laid_out(*residual) : at::Tensor();
  auto sum = !residual ? Sum::none : in_place ? Sum::own : Sum::other;
  auto out = sum == Sum::own ? other : at::empty(shape, element, at::MemoryFormat::ChannelsLast);
  if (x.size(0) == 0) return out;

  auto call = prepare(x, sum);
  auto scratch = at::empty({call->scratch_bytes}, at::kByte);
  Memory in, to, weights, added, with, space;
  hold(in, call->in, x.const_data_ptr());
  hold(to, call->out, out.mutable_data_ptr());
  hold(weights, call->weights, call->packed.const_data_ptr());
  hold(space, call->scratch, scratch.mutable_data_ptr());
  std::vector<dnnl_exec_arg_t> arguments{
      {DNNL_ARG_SRC, in}, {DNNL_ARG_DST, to}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_SCRATCHPAD, space}};
  if (bias.defined()) {
    hold(added, call->bias, bias.const_data_ptr());
    arguments.push_back({DNNL_ARG_BIAS, added});
  }
  if (sum == Sum::other) {
    hold(with, call->out, other.const_data_ptr());
    arguments.push_back({with_other, with});
  }
  run(call->primitive, arguments);
  return out;
}

#endif

extern "C" {

int mcdrl_convolution_new(
    mcdrl_tensor_t weight, mcdrl_tensor_t bias, const mcdrl_convolution_options *options, mcdrl_convolution_t *out,
    char **error) {
  return guarded(error, [&] {
#ifdef MCDRL_HAS_ONEDNN
    *out = new mcdrl_convolution(weight->value, bias ? bias->value : at::Tensor(), *options);
#else
    TORCH_CHECK(false, "this libtorch comes without the headers of oneDNN");
#endif
  });
}

int mcdrl_convolution_call(
    mcdrl_convolution_t convolution, mcdrl_tensor_t x, mcdrl_tensor_t residual, bool in_place, mcdrl_tensor_t *out,
    char **error) {
  return guarded(error, [&] {
#ifdef MCDRL_HAS_ONEDNN
    *out = wrap(convolution->call(x->value, residual ? &residual->value : nullptr, in_place));
#endif
  });
}

void mcdrl_convolution_free(mcdrl_convolution_t convolution) {
#ifdef MCDRL_HAS_ONEDNN
  delete convolution;
#endif
}

}  // extern "C"
