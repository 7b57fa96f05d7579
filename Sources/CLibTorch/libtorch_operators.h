// libtorch's operators by name, and generators. As a system header, so that its warnings stay
// libtorch's own.
#pragma once
#pragma clang system_header
#include "libtorch.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/from_blob.h>
