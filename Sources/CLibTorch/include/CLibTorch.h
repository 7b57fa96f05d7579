// The door to libtorch: a small C interface. Every function that can fail returns 0 on success; otherwise it
// returns 1 and stores in *error a message that the caller frees with mcdrl_string_free. No exception escapes.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mcdrl_tensor *mcdrl_tensor_t;
typedef struct mcdrl_generator *mcdrl_generator_t;
typedef struct mcdrl_operator *mcdrl_operator_t;
typedef struct mcdrl_event *mcdrl_event_t;
typedef struct mcdrl_group *mcdrl_group_t;
typedef struct mcdrl_reducer *mcdrl_reducer_t;
typedef struct mcdrl_convolution *mcdrl_convolution_t;

enum mcdrl_kind {
  MCDRL_NONE = 0,
  MCDRL_TENSOR,       // object: mcdrl_tensor_t
  MCDRL_INT,          // integer
  MCDRL_DOUBLE,       // real
  MCDRL_BOOL,         // integer
  MCDRL_STRING,       // data: const char *, count bytes
  MCDRL_TENSOR_LIST,  // data: mcdrl_tensor_t *, count; a null element is an absent optional tensor
  MCDRL_INT_LIST,     // data: int64_t *, count
  MCDRL_DOUBLE_LIST,  // data: double *, count
  MCDRL_BOOL_LIST,    // data: bool *, count
  MCDRL_DTYPE,        // integer: c10::ScalarType
  MCDRL_DEVICE,       // integer: c10::DeviceType, count: index (-1 for the current one)
  MCDRL_GENERATOR     // object: mcdrl_generator_t
};

typedef struct {
  const char *name;  // keyword, or null for a positional argument
  int32_t kind;
  int64_t integer;
  double real;
  void *object;
  const void *data;
  int64_t count;
} mcdrl_value;

void mcdrl_string_free(char *string);
const char *mcdrl_version(void);
int mcdrl_build_description(char **text, char **error);
// Names of what the processor can do, such as avx512_bf16, with spaces between.
int mcdrl_cpu_features(char **text, char **error);

// Operators, by name through the dispatcher.
int mcdrl_operator_find(const char *name, const char *overload, mcdrl_operator_t *op, char **error);
// Results: an array of *count values that the caller frees with mcdrl_results_free, which leaves tensors alive.
int mcdrl_operator_call(
    mcdrl_operator_t op, const mcdrl_value *arguments, int64_t argument_count, mcdrl_value **results,
    int64_t *count, char **error);
void mcdrl_results_free(mcdrl_value *results, int64_t count);

// Tensors.
void mcdrl_tensor_free(mcdrl_tensor_t tensor);
int mcdrl_tensor_from_bytes(
    const void *bytes, const int64_t *shape, int64_t rank, int32_t dtype, mcdrl_tensor_t *out, char **error);
// Shares memory; release(context) runs once when libtorch lets go of it (at once, on failure).
int mcdrl_tensor_wrap(
    void *bytes, const int64_t *shape, int64_t rank, int32_t dtype, void (*release)(void *), void *context,
    mcdrl_tensor_t *out, char **error);
int64_t mcdrl_tensor_rank(mcdrl_tensor_t tensor);
int64_t mcdrl_tensor_size(mcdrl_tensor_t tensor, int64_t dimension);
int64_t mcdrl_tensor_count(mcdrl_tensor_t tensor);
int32_t mcdrl_tensor_dtype(mcdrl_tensor_t tensor);
void mcdrl_tensor_device(mcdrl_tensor_t tensor, int32_t *type, int32_t *index);
bool mcdrl_tensor_contiguous(mcdrl_tensor_t tensor);
bool mcdrl_tensor_requires_grad(mcdrl_tensor_t tensor);
int mcdrl_tensor_set_requires_grad(mcdrl_tensor_t tensor, bool value, char **error);
int mcdrl_tensor_grad(mcdrl_tensor_t tensor, mcdrl_tensor_t *out, char **error);  // null when there is none
int mcdrl_tensor_set_grad(mcdrl_tensor_t tensor, mcdrl_tensor_t grad, char **error);  // null clears it
int mcdrl_tensor_data(mcdrl_tensor_t tensor, void **data, int64_t *bytes, char **error);
// Rows (the last dimension) of float32 or bfloat16 as bytes: value ≈ (code − 128) · scale, a scale for each row, of the
// values' type.
int mcdrl_quantize_rows(mcdrl_tensor_t tensor, mcdrl_tensor_t *codes, mcdrl_tensor_t *scales, char **error);
// softmax(q·kᵀ / √d)·v of B×H×N×d over B×H×M×d, float32 or bfloat16, without gradients, where `mcdrl_has_attention_kernel`
// and d is a multiple of 16; the result lies in memory as B×N×H×d.
bool mcdrl_has_attention_kernel(void);
// Whether that goes through the tiles of AMX in bfloat16, for d a multiple of 32.
bool mcdrl_has_tile_attention_kernel(void);
// Whether kernels that are not libtorch's use more threads than the caller's.
bool mcdrl_kernels_use_all_threads(void);
int mcdrl_attend(
    mcdrl_tensor_t queries, mcdrl_tensor_t keys, mcdrl_tensor_t values, mcdrl_tensor_t *out, char **error);

// Convolutions of inference, by oneDNN, which describes them once for each shape of the input. Threads may share one.
// Without gradients; in the type of the weights, float32 or bfloat16.
enum mcdrl_activation {
  MCDRL_NO_ACTIVATION = 0,
  MCDRL_RELU,   // max(x, 0) + alpha · min(x, 0)
  MCDRL_CLAMP,  // at least alpha, at most beta
  MCDRL_SILU    // x · σ(alpha · x)
};
typedef struct {
  int64_t stride, padding, groups;
  enum mcdrl_activation activation;
  double alpha, beta;
} mcdrl_convolution_options;
// The version of the oneDNN that computes them, which is not libtorch's; null if it is missing.
const char *mcdrl_onednn_version(void);
// Copies weights, out×(in/groups)×k×k, and a bias; no bias if it is null.
int mcdrl_convolution_new(
    mcdrl_tensor_t weight, mcdrl_tensor_t bias, const mcdrl_convolution_options *options, mcdrl_convolution_t *out,
    char **error);
// f(convolution(x) + residual), B×out×h×w with channels last; no residual if it is null, in its memory if `in_place` and it
// has the type and the layout of the result.
int mcdrl_convolution_call(
    mcdrl_convolution_t convolution, mcdrl_tensor_t x, mcdrl_tensor_t residual, bool in_place, mcdrl_tensor_t *out,
    char **error);
void mcdrl_convolution_free(mcdrl_convolution_t convolution);

// Operators of training with a quicker backward pass than libtorch's. Where that does not apply, and without gradients,
// they are libtorch's own. Their gradients cannot be differentiated again.
// A depthwise convolution of B×C×H×W by C×1×k×k, in the type of the CPU's autocast; no bias if it is null.
int mcdrl_depthwise_convolution(
    mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, int64_t stride, int64_t padding, mcdrl_tensor_t *out,
    char **error);
// f(batch_norm(x) + residual) with f(v) = v · slope for v ≤ 0, else min(v, cap); no residual if it is null.
int mcdrl_normalize(
    mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, mcdrl_tensor_t residual, mcdrl_tensor_t mean,
    mcdrl_tensor_t variance, bool training, double momentum, double epsilon, double slope, double cap,
    mcdrl_tensor_t *out, char **error);
// Bilinear resizing, pixel centres at half-integers; the backward pass is quick where the image grows.
int mcdrl_enlarge(mcdrl_tensor_t x, int64_t height, int64_t width, mcdrl_tensor_t *out, char **error);
// x · weightᵀ + bias over the last dimension; no bias if it is null.
int mcdrl_linear(mcdrl_tensor_t x, mcdrl_tensor_t weight, mcdrl_tensor_t bias, mcdrl_tensor_t *out, char **error);

// Random numbers.
int mcdrl_generator_new(uint64_t seed, mcdrl_generator_t *out, char **error);
void mcdrl_generator_free(mcdrl_generator_t generator);
int mcdrl_generator_state(mcdrl_generator_t generator, mcdrl_tensor_t *out, char **error);
int mcdrl_generator_set_state(mcdrl_generator_t generator, mcdrl_tensor_t state, char **error);

// Modes of this thread. Each returns the previous value or a guard to end.
bool mcdrl_grad_mode(void);
void mcdrl_set_grad_mode(bool enabled);
void *mcdrl_inference_begin(void);
void mcdrl_inference_end(void *guard);
// Autocast to dtype on the device type; depth counts nested regions, the cache is cleared when the last ends.
int mcdrl_autocast_begin(int32_t device_type, int32_t dtype, bool *was_enabled, int32_t *old_dtype, char **error);
bool mcdrl_autocasts_cpu(void);
int mcdrl_autocast_end(int32_t device_type, bool was_enabled, int32_t old_dtype, char **error);

// Machine.
int32_t mcdrl_threads(void);
int mcdrl_set_threads(int32_t count, char **error);
// Lets waiting threads sleep while other programs use the processors; for a program, once.
void mcdrl_share_processors(void);
const char *mcdrl_cpu_capability(void);
// Keeps memory that is freed for what is asked for next, some 256 MiB for each two cores, where there is a GNU C library.
void mcdrl_keep_freed_memory(void);

// Accelerators: devices beside the CPU, by c10::DeviceType and index (-1 for the current one). libtorch's part for CUDA
// loads with the first operator, or with the first of these calls.
bool mcdrl_has_cuda(void);
bool mcdrl_has_mps(void);
// Why libtorch's part for CUDA did not load; empty if it did, or if this libtorch has none.
const char *mcdrl_accelerator_problem(void);
int32_t mcdrl_device_count(int32_t device_type);
// Waits until the device has done all its work.
int mcdrl_synchronize(int32_t device_type, int32_t index, char **error);
// A mark in the device's present stream of work, to be freed with mcdrl_event_free.
int mcdrl_event_record(int32_t device_type, int32_t index, mcdrl_event_t *out, char **error);
// Waits for both, and gives the time of the device between them.
int mcdrl_event_seconds(mcdrl_event_t from, mcdrl_event_t to, double *seconds, char **error);
void mcdrl_event_free(mcdrl_event_t event);
// Bytes of tensors now and at most since the last reset, and the most that the allocator took from the device.
int mcdrl_device_memory(
    int32_t device_type, int32_t index, int64_t *allocated, int64_t *peak, int64_t *reserved, char **error);
int mcdrl_reset_peak_memory(int32_t device_type, int32_t index, char **error);
// Whether float32 on CUDA keeps all bits of the factors of products and convolutions, or rounds them to TF32.
int mcdrl_set_exact_float32(bool exact, char **error);
int mcdrl_has_exact_float32(bool *exact, char **error);

// Processes that train together, by libtorch's c10d. Each collective call waits for all processes. It fails when a
// connection closes or the timeout ends; its message names the process that failed first, if the store knows it.
typedef struct {
  const char *address;     // host and port of the store
  int32_t port;
  bool rank_0_hosts;       // whether rank 0 hosts the store; otherwise torchrun does
  const char *prefix;      // of every key in the store
  int32_t rank, count;
  int32_t restarts;        // as the launcher counts them for this process
  bool is_one_machine;     // whether all processes are on this machine
  const char *interfaces;  // network interfaces for Gloo, with commas between; null to choose one
  int32_t device_type;     // c10::DeviceType of the tensors besides those of the CPU
  int32_t device_index;
  int64_t timeout;         // milliseconds
} mcdrl_group_options;

bool mcdrl_has_groups(void);
bool mcdrl_has_nccl(void);
int mcdrl_group_join(const mcdrl_group_options *options, mcdrl_group_t *out, char **error);
// How often the group was restarted, alike on all ranks.
int32_t mcdrl_group_restarts(mcdrl_group_t group);
// Returns within some seconds even if calls are under way.
void mcdrl_group_free(mcdrl_group_t group);
int mcdrl_group_barrier(mcdrl_group_t group, char **error);
// Both in place; the values of rank 0 are sent.
int mcdrl_group_sum(mcdrl_group_t group, mcdrl_tensor_t tensor, char **error);
int mcdrl_group_broadcast(mcdrl_group_t group, mcdrl_tensor_t tensor, char **error);
// The rows of all ranks in order, and the number of each rank's rows: `rows` has room for all ranks.
int mcdrl_group_gather(
    mcdrl_group_t group, mcdrl_tensor_t tensor, bool differentiable, int64_t *rows, mcdrl_tensor_t *out,
    char **error);
// Leaves the group: the first message stays in the store, and the connections to the other processes close.
void mcdrl_group_fail(mcdrl_group_t group, const char *message);
// The rank and the message of the first failure; −1 and null without one.
int mcdrl_group_failure(mcdrl_group_t group, int32_t *rank, char **message, char **error);

int mcdrl_reducer_new(
    mcdrl_group_t group, const mcdrl_tensor_t *parameters, int64_t count, int64_t bucket_bytes, bool finds_unused,
    mcdrl_reducer_t *out, char **error);
void mcdrl_reducer_free(mcdrl_reducer_t reducer);
int mcdrl_reducer_prepare_forward(mcdrl_reducer_t reducer, bool synchronizes, char **error);
int mcdrl_reducer_prepare_backward(
    mcdrl_reducer_t reducer, const mcdrl_tensor_t *outputs, int64_t count, char **error);

#ifdef __cplusplus
}
#endif
