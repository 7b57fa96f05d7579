// oneDNN's functions that this door calls, from a library that is loaded for the first prepared convolution. libtorch has a
// oneDNN inside, but shows none of its functions; its headers are the ones included here. Both are version 3, whose C
// interface stays.
#pragma once
#if __has_include(<oneapi/dnnl/dnnl.h>)
#define MCDRL_HAS_ONEDNN
#include <oneapi/dnnl/dnnl.h>
#include <oneapi/dnnl/dnnl_debug.h>

// A new call needs its name here.
#define ONEDNN_FUNCTIONS(F) F(convolution_forward_primitive_desc_create) F(engine_create) \
    F(memory_create) F(memory_desc_clone) F(memory_desc_create_with_strides) F(memory_desc_create_with_tag) \
    F(memory_desc_destroy) F(memory_desc_equal) F(memory_desc_get_size) F(memory_destroy) F(post_ops_append_binary) \
    F(post_ops_append_eltwise) F(post_ops_append_sum) F(post_ops_create) F(post_ops_destroy) F(primitive_attr_create) \
    F(primitive_attr_destroy) F(primitive_attr_set_post_ops) F(primitive_attr_set_scratchpad_mode) F(primitive_create) \
    F(primitive_desc_destroy) F(primitive_desc_query_md) F(primitive_destroy) F(primitive_execute) \
    F(reorder_primitive_desc_create) F(status2str) F(stream_create) F(stream_destroy) F(stream_wait) F(version)

struct OneDNN {
#define ONEDNN_MEMBER(name) decltype(&dnnl_##name) name;
  ONEDNN_FUNCTIONS(ONEDNN_MEMBER)
#undef ONEDNN_MEMBER
  dnnl_engine_t engine;  // the CPU
};

// Loads the library at the first call; null where it is missing.
const OneDNN *onednn();
#endif
