// Every header of libtorch that the door includes. As a system header, so that its warnings stay libtorch's own.
#pragma once
#pragma clang system_header
#if !__has_include(<ATen/ATen.h>)
#error libtorch is missing: scripts/bootstrap puts it in place (docs/guides/use-the-libraries.md)
#endif
#include <torch/version.h>
#if TORCH_VERSION_MAJOR != 2 || TORCH_VERSION_MINOR != 13
#error this is another libtorch than 2.13: scripts/bootstrap fetches that one
#endif

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/DeviceAccelerator.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/cpu/Utils.h>
#include <c10/core/Event.h>
#include <c10/core/InferenceMode.h>
