// libtorch's devices beside the CPU. As a system header, so that its warnings stay
// libtorch's own.
#pragma once
#pragma clang system_header
#include "libtorch.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/Event.h>
