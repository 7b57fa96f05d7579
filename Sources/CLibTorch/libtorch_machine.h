// libtorch's modes and what it knows of the machine. As a system header, so that its warnings stay
// libtorch's own.
#pragma once
#pragma clang system_header
#include "libtorch.h"

#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/InferenceMode.h>
