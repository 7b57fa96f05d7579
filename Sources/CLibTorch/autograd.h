// Operators with a backward pass of their own. As a system header, so that its warnings stay libtorch's own.
#pragma once
#pragma clang system_header
#include <torch/csrc/autograd/custom_function.h>
