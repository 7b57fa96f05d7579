// The collective calls of a group.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include <algorithm>

namespace {

const char *const call_names[] = {"barrier", "sum", "broadcast", "gather"};

// The most dimensions of a tensor that takes part, and how many numbers describe a call.
constexpr int64_t most_dimensions = 12, header_size = most_dimensions + 3;

// The elements as one row of bytes, in the same memory.
at::Tensor bytes_of(const at::Tensor &contiguous) { return contiguous.view({contiguous.numel()}).view(at::kByte); }

// The type in which elements are added: one that Gloo has, and no narrower.
at::ScalarType type_for_sums(at::ScalarType type) {
  switch (type) {
  case at::kDouble: case at::kFloat: case at::kLong: case at::kInt: return type;
  case at::kBool: return at::kInt;
  default: return at::isFloatingType(type) ? at::kFloat : at::kLong;
  }
}

std::string shape_text(const int64_t *header) {
  std::string text = std::string(c10::toString(static_cast<c10::ScalarType>(header[1]))) + " [";
  for (int64_t i = 0; i < header[2]; i++) text += (i ? ", " : "") + std::to_string(header[3 + i]);
  return text + "]";
}

}  // namespace

// Runs a call, alone and only while no connection has failed, and explains a fault of a connection.
template <typename Body> auto Group::checked(Body body) {
  std::lock_guard lock(calls_);
  require_whole();
  try {
    return body();
  } catch (const c10::Error &e) {
    TORCH_CHECK(false, explained(e.what_without_backtrace()));
  } catch (const std::exception &e) {
    TORCH_CHECK(false, explained(e.what()));
  }
}

c10d::Backend &Group::backend(const at::Tensor &tensor) {
  if (tensor.is_cpu()) return *connections_.cpu;
  TORCH_CHECK(connections_.other && tensor.device().type() == other_type_, "the tensor is on ", tensor.device(),
              ", and the group was made for ", c10::DeviceTypeName(other_type_, true),
              ": join it with the device of the tensors");
  return *connections_.other;
}

// Tells all ranks which call this one makes, and returns what all tell. Gloo would end the process where sizes differ.
std::vector<int64_t> Group::agree(Call call, const at::Tensor *tensor) {
  auto own = at::zeros({header_size}, at::kLong);
  auto *header = own.mutable_data_ptr<int64_t>();
  header[0] = static_cast<int64_t>(call);
  if (tensor) {
    TORCH_CHECK(tensor->dim() <= most_dimensions, "the tensor has more than ", most_dimensions, " dimensions");
    header[1] = static_cast<int64_t>(tensor->scalar_type());
    header[2] = tensor->dim();
    for (int64_t i = 0; i < tensor->dim(); i++) header[3 + i] = tensor->size(i);
  }
  auto all = at::empty({count * header_size}, at::kLong);
  connections_.cpu->_allgather_base(all, own)->wait();
  const auto *headers = all.const_data_ptr<int64_t>();
  for (int i = 0; i < count; i++) {
    const auto *theirs = headers + i * header_size;
    TORCH_CHECK(theirs[0] == header[0], "rank ", rank, " calls ", call_names[header[0]], ", rank ", i, " calls ",
                call_names[std::clamp<int64_t>(theirs[0], 0, 3)], ": all ranks must make the same calls in one order");
    for (int64_t k = 1; k < header_size; k++)
      TORCH_CHECK(theirs[k] == header[k] || (call == Call::gather && k == 3), "rank ", rank, " has ",
                  shape_text(header), ", rank ", i, " has ", shape_text(theirs),
                  call == Call::gather ? ": types and sizes of a row must agree" : ": they must agree");
  }
  return std::vector<int64_t>(headers, headers + count * header_size);
}

void Group::barrier() {
  checked([&] { agree(Call::barrier, nullptr); });
}

void Group::sum(const at::Tensor &tensor) {
  at::NoGradGuard no_grad;
  checked([&] {
    agree(Call::sum, &tensor);
    if (tensor.numel() == 0) return;
    auto target = tensor.detach();
    auto type = type_for_sums(target.scalar_type());
    std::vector<at::Tensor> sums{target.to(type).contiguous()};
    if (sums[0].is_same(target)) sums[0] = target.clone();
    backend(target).allreduce(sums)->wait();
    target.copy_(sums[0]);
  });
}

void Group::broadcast(const at::Tensor &tensor) {
  at::NoGradGuard no_grad;
  checked([&] {
    agree(Call::broadcast, &tensor);
    if (tensor.numel() == 0) return;
    auto target = tensor.detach(), values = target.contiguous();
    std::vector<at::Tensor> bytes{bytes_of(values)};
    backend(target).broadcast(bytes)->wait();
    if (!values.is_same(target)) target.copy_(values);
    // Gloo does not count its writes, and readers of a mapped file ask for the count.
    target.unsafeGetTensorImpl()->bump_version();
  });
}

at::Tensor Group::gather(const at::Tensor &tensor, std::vector<int64_t> &rows) {
  at::NoGradGuard no_grad;
  return checked([&] {
    TORCH_CHECK(tensor.dim() > 0, "the tensor has no rows: it has no dimension");
    auto headers = agree(Call::gather, &tensor);
    int64_t total = 0, most = 0;
    rows.clear();
    for (int i = 0; i < count; i++) {
      rows.push_back(headers[i * header_size + 3]);
      total += rows.back();
      most = std::max(most, rows.back());
    }
    auto shape = tensor.sizes().vec();
    shape[0] = total;
    auto out = at::empty(shape, tensor.options());
    if (out.numel() == 0) return out;
    // All ranks send as many rows as the longest.
    int64_t width = out.numel() / total * out.element_size();
    auto values = tensor.detach().contiguous();
    auto own = values.numel() ? bytes_of(values) : at::empty({0}, values.options().dtype(at::kByte));
    if (rows[rank] < most) own = at::constant_pad_nd(own, {0, (most - rows[rank]) * width});
    bool is_even = total == most * count;
    auto all = is_even ? bytes_of(out) : at::empty({count * most * width}, own.options());
    backend(out)._allgather_base(all, own)->wait();
    if (!is_even) {
      auto target = bytes_of(out);
      for (int64_t i = 0, start = 0; i < count; start += rows[i], i++)
        target.narrow(0, start * width, rows[i] * width).copy_(all.narrow(0, i * most * width, rows[i] * width));
    }
    return out;
  });
}

namespace {

// The rows of all ranks; its gradient is the sum of all ranks' gradients by this rank's rows.
struct Gather : torch::autograd::Function<Gather> {
  static at::Tensor forward(
      torch::autograd::AutogradContext *context, const at::Tensor &own, const c10::intrusive_ptr<Group> &group,
      std::vector<int64_t> *rows) {
    auto out = group->gather(own, *rows);
    int64_t start = 0;
    for (int i = 0; i < group->rank; i++) start += (*rows)[i];
    context->saved_data["start"] = start;
    context->saved_data["count"] = own.size(0);
    context->saved_data["group"] = c10::IValue::make_capsule(group);
    return out;
  }

  static torch::autograd::variable_list backward(
      torch::autograd::AutogradContext *context, torch::autograd::variable_list gradients) {
    auto group = c10::static_intrusive_pointer_cast<Group>(context->saved_data["group"].toCapsule());
    auto sum = gradients[0].detach().clone();
    group->sum(sum);
    auto own = sum.narrow(0, context->saved_data["start"].toInt(), context->saved_data["count"].toInt());
    return {own, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor gather_with_gradient(
    const at::Tensor &own, const c10::intrusive_ptr<Group> &group, std::vector<int64_t> &rows) {
  return Gather::apply(own, group, &rows);
}

#endif
