// Modes of a thread, and the machine.
#include "door.h"
#include "libtorch_machine.h"

#include <algorithm>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <set>
#include <string>
#include <thread>

extern "C" {

const char *mcdrl_version(void) { return TORCH_VERSION; }

int mcdrl_build_description(char **text, char **error) {
  return guarded(error, [&] {
    load_accelerators();
    *text = copy(at::show_config());
  });
}

int mcdrl_cpu_features(char **text, char **error) {
  return guarded(error, [&] {
    std::set<std::string> names;
    for (const auto &[name, value] : at::cpu::get_cpu_capabilities())
      if (value.isBool() && value.toBool()) names.insert(name);
    std::string all;
    for (const auto &name : names) all += (all.empty() ? "" : " ") + name;
    *text = copy(all);
  });
}

bool mcdrl_grad_mode(void) { return at::GradMode::is_enabled(); }
void mcdrl_set_grad_mode(bool enabled) { at::GradMode::set_enabled(enabled); }
void *mcdrl_inference_begin(void) { return new c10::InferenceMode(true); }
void mcdrl_inference_end(void *guard) { delete static_cast<c10::InferenceMode *>(guard); }

int mcdrl_autocast_begin(
    int32_t device_type, int32_t dtype, bool *was_enabled, int32_t *old_dtype, char **error) {
  return guarded(error, [&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    *was_enabled = at::autocast::is_autocast_enabled(device);
    *old_dtype = static_cast<int32_t>(at::autocast::get_autocast_dtype(device));
    // Autocast to float32 is none: libtorch accepts lower types alone.
    auto type = static_cast<c10::ScalarType>(dtype);
    at::autocast::set_autocast_enabled(device, type != at::kFloat);
    if (type != at::kFloat) at::autocast::set_autocast_dtype(device, type);
    at::autocast::increment_nesting();
  });
}

bool mcdrl_autocasts_cpu(void) { return at::autocast::is_autocast_enabled(at::kCPU); }

int mcdrl_autocast_end(int32_t device_type, bool was_enabled, int32_t old_dtype, char **error) {
  return guarded(error, [&] {
    auto device = static_cast<c10::DeviceType>(device_type);
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(device, was_enabled);
    at::autocast::set_autocast_dtype(device, static_cast<c10::ScalarType>(old_dtype));
  });
}

int32_t mcdrl_threads(void) { return at::get_num_threads(); }

int mcdrl_set_threads(int32_t count, char **error) {
  return guarded(error, [&] {
    TORCH_CHECK(count > 0, "the number of threads must be at least 1, got ", count);
    // A thread's first operator takes the number that any thread set last, unless it has asked for its number before.
    at::get_num_threads();
    at::set_num_threads(count);
  });
}

const char *mcdrl_cpu_capability(void) {
  static std::string name = at::get_cpu_capability();
  return name.c_str();
}

void mcdrl_keep_freed_memory(void) {
#if defined(__GLIBC__)
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  // Each arena keeps what it was given at its fullest, and threads that compute in turn would have one each.
  mallopt(M_ARENA_MAX, std::max(1, static_cast<int>(std::thread::hardware_concurrency()) / 2));
#endif
}

}  // extern "C"
