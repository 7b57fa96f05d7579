// Loops on libtorch's own threads, for kernels that are not libtorch's.
#pragma once
#include "libtorch.h"

#include <algorithm>

extern "C" {
__attribute__((weak)) void GOMP_parallel(void (*body)(void *), void *context, unsigned threads, unsigned flags);
__attribute__((weak)) int omp_get_thread_num(void);
__attribute__((weak)) int omp_get_num_threads(void);
}

namespace {

// Whether libtorch's threads can be had: where they are GNU's OpenMP. at::parallel_for would start none, for it must be
// compiled with OpenMP, and Swift's clang has that of LLVM.
inline bool has_workers() { return GOMP_parallel && omp_get_thread_num && omp_get_num_threads; }

// How many threads `side_by_side` takes.
inline int64_t workers(int64_t count, int64_t grain) {
  if (!has_workers() || at::in_parallel_region()) return 1;
  return std::max<int64_t>(1, std::min<int64_t>(at::get_num_threads(), (count + grain - 1) / grain));
}

// Calls body(i, worker) for all i, at least `grain` a worker. The body must not throw.
template <typename Body> void side_by_side(int64_t count, int64_t grain, const Body &body) {
  struct Work { int64_t count, workers; const Body &body; } work{count, workers(count, grain), body};
  if (work.workers < 2) {
    for (int64_t i = 0; i < count; i++) body(i, 0);
    return;
  }
  // Always all threads: GNU's OpenMP ends those that a smaller number leaves over, and starts them anew for the next product.
  GOMP_parallel([](void *context) {
    auto &work = *static_cast<Work *>(context);
    int64_t own = omp_get_thread_num(), all = std::min<int64_t>(omp_get_num_threads(), work.workers);
    if (own >= all) return;
    for (int64_t i = work.count * own / all; i < work.count * (own + 1) / all; i++) work.body(i, own);
  }, &work, 0, 0);
}

}  // namespace
