// Operators, tensors and generators. Converts between C values and IValues of libtorch, guided by
// operator schemas, and turns every exception into a message.
#include "door.h"
#include "libtorch_operators.h"

#include <cstring>
#include <string>

struct mcdrl_generator { at::Generator value; };
struct mcdrl_operator { c10::OperatorHandle value; };

namespace {

at::IntArrayRef ints(const mcdrl_value &v) {
  return {static_cast<const int64_t *>(v.data), static_cast<size_t>(v.count)};
}

const c10::Type &unwrapped(const c10::Type &type) {
  if (auto optional = type.cast<c10::OptionalType>()) return *optional->getElementType();
  return type;
}

bool is_real(const c10::Type &type) { return unwrapped(type).kind() == c10::TypeKind::FloatType; }

// A list of reals, where the schema wants one and the caller gave integers.
bool wants_real_list(const c10::Type &type) {
  const auto &inner = unwrapped(type);
  if (auto list = inner.cast<c10::ListType>()) return is_real(*list->getElementType());
  return false;
}

bool wants_list(const c10::Type &type) { return unwrapped(type).kind() == c10::TypeKind::ListType; }

bool wants_optional_tensors(const c10::Type &type) {
  if (auto list = unwrapped(type).cast<c10::ListType>())
    return list->getElementType()->kind() == c10::TypeKind::OptionalType;
  return false;
}

// The element type of a list of scalars, present or absent each (`Scalar?[]`); null for other types.
c10::TypePtr optional_scalar(const c10::Type &type) {
  auto list = unwrapped(type).cast<c10::ListType>();
  if (!list || list->getElementType()->kind() != c10::TypeKind::OptionalType) return nullptr;
  return unwrapped(*list->getElementType()).kind() == c10::TypeKind::NumberType ? list->getElementType() : nullptr;
}

c10::IValue to_ivalue(const mcdrl_value &v, const c10::Argument &argument) {
  const c10::Type &type = *argument.real_type();
  switch (v.kind) {
  case MCDRL_NONE: return c10::IValue();
  case MCDRL_TENSOR: return static_cast<mcdrl_tensor_t>(v.object)->value;
  case MCDRL_INT:
    if (is_real(type)) return static_cast<double>(v.integer);
    if (wants_list(type)) {
      auto size = argument.N().value_or(1);
      if (wants_real_list(type)) return c10::List<double>(std::vector<double>(size, v.integer));
      return c10::List<int64_t>(std::vector<int64_t>(size, v.integer));
    }
    return v.integer;
  case MCDRL_DOUBLE: return v.real;
  case MCDRL_BOOL: return v.integer != 0;
  case MCDRL_STRING: return std::string(static_cast<const char *>(v.data), v.count);
  case MCDRL_TENSOR_LIST: {
    auto items = static_cast<const mcdrl_tensor_t *>(v.data);
    if (wants_optional_tensors(type)) {
      c10::List<std::optional<at::Tensor>> list;
      for (int64_t i = 0; i < v.count; i++)
        list.push_back(items[i] ? std::optional<at::Tensor>(items[i]->value) : std::nullopt);
      return list;
    }
    std::vector<at::Tensor> list;
    list.reserve(v.count);
    for (int64_t i = 0; i < v.count; i++) list.push_back(items[i] ? items[i]->value : at::Tensor());
    return list;
  }
  case MCDRL_INT_LIST:
    if (wants_real_list(type)) {
      auto values = ints(v);
      return c10::List<double>(std::vector<double>(values.begin(), values.end()));
    }
    return ints(v);
  case MCDRL_DOUBLE_LIST: {
    auto values = static_cast<const double *>(v.data);
    if (auto element = optional_scalar(type)) {
      c10::impl::GenericList list(element);
      for (int64_t i = 0; i < v.count; i++) list.push_back(values[i]);
      return list;
    }
    return c10::List<double>(std::vector<double>(values, values + v.count));
  }
  case MCDRL_BOOL_LIST: {
    auto values = static_cast<const bool *>(v.data);
    c10::List<bool> list;
    for (int64_t i = 0; i < v.count; i++) list.push_back(values[i]);
    return list;
  }
  case MCDRL_DTYPE: return static_cast<c10::ScalarType>(v.integer);
  case MCDRL_DEVICE:
    return c10::Device(static_cast<c10::DeviceType>(v.integer), static_cast<c10::DeviceIndex>(v.count));
  case MCDRL_GENERATOR: return static_cast<mcdrl_generator_t>(v.object)->value;
  }
  TORCH_CHECK(false, "unknown argument kind ", v.kind);
}

mcdrl_value from_ivalue(const c10::IValue &v) {
  mcdrl_value out{};
  if (v.isNone()) {
    out.kind = MCDRL_NONE;
  } else if (v.isTensor()) {
    if (v.toTensor().defined()) {
      out.kind = MCDRL_TENSOR;
      out.object = wrap(v.toTensor());
    }
  } else if (v.isTensorList()) {
    auto list = v.toTensorVector();
    auto items = static_cast<mcdrl_tensor_t *>(std::malloc(sizeof(mcdrl_tensor_t) * (list.size() + 1)));
    for (size_t i = 0; i < list.size(); i++) items[i] = wrap(list[i]);
    out.kind = MCDRL_TENSOR_LIST;
    out.data = items;
    out.count = static_cast<int64_t>(list.size());
  } else if (v.isInt()) {
    out.kind = MCDRL_INT;
    out.integer = v.toInt();
  } else if (v.isBool()) {
    out.kind = MCDRL_BOOL;
    out.integer = v.toBool();
  } else if (v.isDouble()) {
    out.kind = MCDRL_DOUBLE;
    out.real = v.toDouble();
  } else {
    TORCH_CHECK(false, "the operator returned a ", v.tagKind(), ", which this door does not carry");
  }
  return out;
}

// The arguments in schema order: positional, then by keyword, then defaults.
torch::jit::Stack arrange(const c10::FunctionSchema &schema, const mcdrl_value *values, int64_t count) {
  const auto &arguments = schema.arguments();
  torch::jit::Stack stack(arguments.size());
  std::vector<bool> given(arguments.size(), false);
  for (int64_t i = 0; i < count; i++) {
    size_t slot = i;
    if (values[i].name) {
      for (slot = 0; slot < arguments.size() && arguments[slot].name() != values[i].name;) slot++;
      TORCH_CHECK(slot < arguments.size(), schema.name(), " has no argument named ", values[i].name);
    }
    TORCH_CHECK(slot < arguments.size(), schema.name(), " takes ", arguments.size(), " arguments at most");
    stack[slot] = to_ivalue(values[i], arguments[slot]);
    given[slot] = true;
  }
  for (size_t slot = 0; slot < arguments.size(); slot++) {
    if (given[slot]) continue;
    TORCH_CHECK(arguments[slot].default_value(), schema.name(), " needs the argument ", arguments[slot].name());
    stack[slot] = *arguments[slot].default_value();
  }
  return stack;
}

}  // namespace

extern "C" {

void mcdrl_string_free(char *string) { std::free(string); }

int mcdrl_operator_find(const char *name, const char *overload, mcdrl_operator_t *op, char **error) {
  return guarded(error, [&] {
    load_accelerators();
    *op = new mcdrl_operator{c10::Dispatcher::singleton().findSchemaOrThrow(name, overload)};
  });
}

int mcdrl_operator_call(
    mcdrl_operator_t op, const mcdrl_value *arguments, int64_t argument_count, mcdrl_value **results,
    int64_t *count, char **error) {
  return guarded(error, [&] {
    auto stack = arrange(op->value.schema(), arguments, argument_count);
    op->value.callBoxed(&stack);
    auto out = static_cast<mcdrl_value *>(std::calloc(stack.size() + 1, sizeof(mcdrl_value)));
    for (size_t i = 0; i < stack.size(); i++) out[i] = from_ivalue(stack[i]);
    *results = out;
    *count = static_cast<int64_t>(stack.size());
  });
}

void mcdrl_results_free(mcdrl_value *results, int64_t count) {
  for (int64_t i = 0; i < count; i++)
    if (results[i].kind == MCDRL_TENSOR_LIST) std::free(const_cast<void *>(results[i].data));
  std::free(results);
}

void mcdrl_tensor_free(mcdrl_tensor_t tensor) { delete tensor; }

int mcdrl_tensor_from_bytes(
    const void *bytes, const int64_t *shape, int64_t rank, int32_t dtype, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    auto result = at::empty({shape, static_cast<size_t>(rank)}, static_cast<c10::ScalarType>(dtype));
    if (result.nbytes()) std::memcpy(result.mutable_data_ptr(), bytes, result.nbytes());
    *out = wrap(result);
  });
}

int mcdrl_tensor_wrap(
    void *bytes, const int64_t *shape, int64_t rank, int32_t dtype, void (*release)(void *), void *context,
    mcdrl_tensor_t *out, char **error) {
  bool owned = false;
  int status = guarded(error, [&] {
    auto options = at::TensorOptions().dtype(static_cast<c10::ScalarType>(dtype));
    auto result = at::from_blob(
        bytes, {shape, static_cast<size_t>(rank)}, [release, context](void *) { release(context); }, options);
    owned = true;
    *out = wrap(result);
  });
  if (status && !owned) release(context);
  return status;
}

int64_t mcdrl_tensor_rank(mcdrl_tensor_t tensor) { return tensor->value.dim(); }
int64_t mcdrl_tensor_size(mcdrl_tensor_t tensor, int64_t dimension) { return tensor->value.sizes()[dimension]; }
int64_t mcdrl_tensor_count(mcdrl_tensor_t tensor) { return tensor->value.numel(); }
int32_t mcdrl_tensor_dtype(mcdrl_tensor_t tensor) { return static_cast<int32_t>(tensor->value.scalar_type()); }
void mcdrl_tensor_device(mcdrl_tensor_t tensor, int32_t *type, int32_t *index) {
  *type = static_cast<int32_t>(tensor->value.device().type());
  *index = tensor->value.device().index();
}
bool mcdrl_tensor_contiguous(mcdrl_tensor_t tensor) { return tensor->value.is_contiguous(); }
bool mcdrl_tensor_requires_grad(mcdrl_tensor_t tensor) { return tensor->value.requires_grad(); }

int mcdrl_tensor_set_requires_grad(mcdrl_tensor_t tensor, bool value, char **error) {
  return guarded(error, [&] { tensor->value.set_requires_grad(value); });
}

int mcdrl_tensor_grad(mcdrl_tensor_t tensor, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] {
    const auto &grad = tensor->value.grad();
    *out = grad.defined() ? wrap(grad) : nullptr;
  });
}

int mcdrl_tensor_set_grad(mcdrl_tensor_t tensor, mcdrl_tensor_t grad, char **error) {
  return guarded(error, [&] { tensor->value.mutable_grad() = grad ? grad->value : at::Tensor(); });
}

int mcdrl_tensor_data(mcdrl_tensor_t tensor, void **data, int64_t *bytes, char **error) {
  return guarded(error, [&] {
    TORCH_CHECK(tensor->value.is_contiguous(), "the tensor is not contiguous");
    TORCH_CHECK(tensor->value.device().is_cpu(), "the tensor is not in CPU memory");
    *data = const_cast<void *>(tensor->value.const_data_ptr());
    *bytes = static_cast<int64_t>(tensor->value.nbytes());
  });
}

int mcdrl_generator_new(uint64_t seed, mcdrl_generator_t *out, char **error) {
  return guarded(error, [&] { *out = new mcdrl_generator{at::make_generator<at::CPUGeneratorImpl>(seed)}; });
}

void mcdrl_generator_free(mcdrl_generator_t generator) { delete generator; }

int mcdrl_generator_state(mcdrl_generator_t generator, mcdrl_tensor_t *out, char **error) {
  return guarded(error, [&] { *out = wrap(generator->value.get_state()); });
}

int mcdrl_generator_set_state(mcdrl_generator_t generator, mcdrl_tensor_t state, char **error) {
  return guarded(error, [&] { generator->value.set_state(state->value); });
}

}  // extern "C"
