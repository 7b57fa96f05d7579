// Every header of c10d that the door includes, with the stand-ins for Gloo's. As a system header, so that its warnings
// stay libtorch's own.
#pragma once
#pragma clang system_header
#include "libtorch.h"

#if __has_include(<torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>) && !__has_include(<libtorch_without_c10d.h>)
#define MCDRL_HAS_C10D 1
#define USE_C10D_GLOO 1
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/logger.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>
#endif
