// Tensors and threads of libtorch, for every file of the door. The others are included where they are needed, because each
// takes seconds to compile. As a system header, so that its warnings stay libtorch's own.
#pragma once
#pragma clang system_header
#if !__has_include(<ATen/ATen.h>)
#error libtorch is missing: scripts/bootstrap puts it in place (docs/guides/use-the-libraries.md)
#endif
#include <torch/version.h>
#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR != 13
#error this is another libtorch than 2.13: scripts/bootstrap fetches that one
#endif

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
