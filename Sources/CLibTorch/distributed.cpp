// The door to c10d: processes that train together. Where libtorch has no c10d, every function says so.
#include "distributed_reducer.h"

#ifdef MCDRL_HAS_C10D

namespace {

std::vector<at::Tensor> tensors(const mcdrl_tensor_t *items, int64_t count) {
  std::vector<at::Tensor> out;
  for (int64_t i = 0; i < count; i++) out.push_back(items[i]->value);
  return out;
}

}  // namespace

extern "C" {

bool mcdrl_has_groups(void) { return true; }
bool mcdrl_has_nccl(void) { return has_nccl(); }

int mcdrl_group_join(const mcdrl_group_options *options, mcdrl_group_t *out, char **error) {
  return guarded(error, [&] { *out = new mcdrl_group{c10::make_intrusive<Group>(*options)}; });
}

int32_t mcdrl_group_restarts(mcdrl_group_t group) { return group->value->restarts(); }

void mcdrl_group_free(mcdrl_group_t group) { delete group; }

int mcdrl_group_barrier(mcdrl_group_t group, char **error) {
  return guarded(error, [&] { group->value->barrier(); });
}

int mcdrl_group_sum(mcdrl_group_t group, mcdrl_tensor_t tensor, char **error) {
  return guarded(error, [&] { group->value->sum(tensor->value); });
}

int mcdrl_group_broadcast(mcdrl_group_t group, mcdrl_tensor_t tensor, char **error) {
  return guarded(error, [&] { group->value->broadcast(tensor->value); });
}

int mcdrl_group_gather(
    mcdrl_group_t group, mcdrl_tensor_t tensor, bool differentiable, int64_t *rows, mcdrl_tensor_t *out,
    char **error) {
  return guarded(error, [&] {
    std::vector<int64_t> counts;
    const auto &own = tensor->value;
    *out = wrap(differentiable ? gather_with_gradient(own, group->value, counts) : group->value->gather(own, counts));
    std::copy(counts.begin(), counts.end(), rows);
  });
}

void mcdrl_group_fail(mcdrl_group_t group, const char *message) {
  char *error = nullptr;
  guarded(&error, [&] { group->value->leave(message); });
  std::free(error);
}

int mcdrl_group_failure(mcdrl_group_t group, int32_t *rank, char **message, char **error) {
  return guarded(error, [&] {
    auto first = group->value->failure();
    *rank = first ? first->first : -1;
    *message = first ? copy(first->second) : nullptr;
  });
}

int mcdrl_reducer_new(
    mcdrl_group_t group, const mcdrl_tensor_t *parameters, int64_t count, int64_t bucket_bytes, bool finds_unused,
    mcdrl_reducer_t *out, char **error) {
  return guarded(error, [&] {
    *out = new mcdrl_reducer{{group->value, tensors(parameters, count), bucket_bytes, finds_unused}};
  });
}

void mcdrl_reducer_free(mcdrl_reducer_t reducer) { delete reducer; }

int mcdrl_reducer_prepare_forward(mcdrl_reducer_t reducer, bool synchronizes, char **error) {
  return guarded(error, [&] { reducer->value.prepare_forward(synchronizes); });
}

int mcdrl_reducer_prepare_backward(
    mcdrl_reducer_t reducer, const mcdrl_tensor_t *outputs, int64_t count, char **error) {
  return guarded(error, [&] { reducer->value.prepare_backward(tensors(outputs, count)); });
}

}  // extern "C"

#else

namespace {

int none(char **error) {
  *error = copy(
      "this libtorch has no c10d, which connects processes: build on one that has (scripts/bootstrap fetches it), or "
      "start one process without torchrun");
  return 1;
}

}  // namespace

extern "C" {

bool mcdrl_has_groups(void) { return false; }
bool mcdrl_has_nccl(void) { return false; }
int mcdrl_group_join(const mcdrl_group_options *, mcdrl_group_t *, char **error) { return none(error); }
int32_t mcdrl_group_restarts(mcdrl_group_t) { return 0; }
void mcdrl_group_free(mcdrl_group_t) {}
int mcdrl_group_barrier(mcdrl_group_t, char **error) { return none(error); }
int mcdrl_group_sum(mcdrl_group_t, mcdrl_tensor_t, char **error) { return none(error); }
int mcdrl_group_broadcast(mcdrl_group_t, mcdrl_tensor_t, char **error) { return none(error); }
int mcdrl_group_gather(mcdrl_group_t, mcdrl_tensor_t, bool, int64_t *, mcdrl_tensor_t *, char **error) {
  return none(error);
}
void mcdrl_group_fail(mcdrl_group_t, const char *) {}
int mcdrl_group_failure(mcdrl_group_t, int32_t *, char **, char **error) { return none(error); }
int mcdrl_reducer_new(
    mcdrl_group_t, const mcdrl_tensor_t *, int64_t, int64_t, bool, mcdrl_reducer_t *, char **error) {
  return none(error);
}
void mcdrl_reducer_free(mcdrl_reducer_t) {}
int mcdrl_reducer_prepare_forward(mcdrl_reducer_t, bool, char **error) { return none(error); }
int mcdrl_reducer_prepare_backward(mcdrl_reducer_t, const mcdrl_tensor_t *, int64_t, char **error) {
  return none(error);
}

}  // extern "C"

#endif
