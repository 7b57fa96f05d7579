// FFmpeg's functions that this door calls, from libraries that are loaded for the first video. A program that meets no
// video starts without them and the hundred libraries that they need.
#pragma once
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

// Their names by library: a new call needs its name here and below.
#define FFMPEG_UTIL(F) F(av_color_space_name) F(av_d2q) F(av_dict_free) F(av_dict_set) F(av_dict_set_int) \
    F(av_fourcc_make_string) F(av_frame_alloc) F(av_frame_free) F(av_frame_get_buffer) \
    F(av_frame_get_side_data) F(av_frame_make_writable) F(av_frame_unref) F(av_free) F(av_freep) \
    F(av_get_pix_fmt_name) F(av_image_alloc) F(av_log_set_callback) F(av_malloc) F(av_max_alloc) \
    F(av_pix_fmt_desc_get) F(av_rescale_q) F(av_strerror) F(av_version_info)
#define FFMPEG_CODEC(F) F(av_packet_alloc) F(av_packet_free) F(av_packet_unref) F(avcodec_alloc_context3) \
    F(avcodec_find_decoder) F(avcodec_find_encoder) F(avcodec_find_encoder_by_name) F(avcodec_free_context) \
    F(avcodec_get_name) F(avcodec_license) F(avcodec_open2) F(avcodec_parameters_from_context) \
    F(avcodec_parameters_to_context) F(avcodec_receive_frame) F(avcodec_receive_packet) \
    F(avcodec_send_frame) F(avcodec_send_packet)
#define FFMPEG_FORMAT(F) F(av_guess_frame_rate) F(av_guess_sample_aspect_ratio) F(av_read_frame) \
    F(av_write_frame) F(av_write_trailer) F(avformat_alloc_context) F(avformat_alloc_output_context2) \
    F(avformat_close_input) F(avformat_find_stream_info) F(avformat_free_context) \
    F(avformat_index_get_entries_count) F(avformat_index_get_entry) F(avformat_new_stream) \
    F(avformat_open_input) F(avformat_write_header) F(avio_alloc_context) F(avio_context_free) F(avio_flush)
#define FFMPEG_SCALE(F) F(sws_freeContext) F(sws_getCoefficients) F(sws_getContext) F(sws_isSupportedInput) \
    F(sws_scale) F(sws_setColorspaceDetails)

#define FFMPEG_MEMBER(name) __typeof__(name) *name;
struct ffmpeg {
  FFMPEG_UTIL(FFMPEG_MEMBER)
  FFMPEG_CODEC(FFMPEG_MEMBER)
  FFMPEG_FORMAT(FFMPEG_MEMBER)
  FFMPEG_SCALE(FFMPEG_MEMBER)
};
extern struct ffmpeg ffmpeg;

// Loads the libraries at the first call, for the functions that open something. Returns null, or why it failed.
const char *ffmpeg_problem(void);

#ifndef FFMPEG_BY_ADDRESS
#define av_color_space_name ffmpeg.av_color_space_name
#define av_d2q ffmpeg.av_d2q
#define av_dict_free ffmpeg.av_dict_free
#define av_dict_set ffmpeg.av_dict_set
#define av_dict_set_int ffmpeg.av_dict_set_int
#define av_fourcc_make_string ffmpeg.av_fourcc_make_string
#define av_frame_alloc ffmpeg.av_frame_alloc
#define av_frame_free ffmpeg.av_frame_free
#define av_frame_get_buffer ffmpeg.av_frame_get_buffer
#define av_frame_get_side_data ffmpeg.av_frame_get_side_data
#define av_frame_make_writable ffmpeg.av_frame_make_writable
#define av_frame_unref ffmpeg.av_frame_unref
#define av_free ffmpeg.av_free
#define av_freep ffmpeg.av_freep
#define av_get_pix_fmt_name ffmpeg.av_get_pix_fmt_name
#define av_image_alloc ffmpeg.av_image_alloc
#define av_log_set_callback ffmpeg.av_log_set_callback
#define av_malloc ffmpeg.av_malloc
#define av_max_alloc ffmpeg.av_max_alloc
#define av_pix_fmt_desc_get ffmpeg.av_pix_fmt_desc_get
#define av_rescale_q ffmpeg.av_rescale_q
#define av_strerror ffmpeg.av_strerror
#define av_version_info ffmpeg.av_version_info
#define av_packet_alloc ffmpeg.av_packet_alloc
#define av_packet_free ffmpeg.av_packet_free
#define av_packet_unref ffmpeg.av_packet_unref
#define avcodec_alloc_context3 ffmpeg.avcodec_alloc_context3
#define avcodec_find_decoder ffmpeg.avcodec_find_decoder
#define avcodec_find_encoder ffmpeg.avcodec_find_encoder
#define avcodec_find_encoder_by_name ffmpeg.avcodec_find_encoder_by_name
#define avcodec_free_context ffmpeg.avcodec_free_context
#define avcodec_get_name ffmpeg.avcodec_get_name
#define avcodec_license ffmpeg.avcodec_license
#define avcodec_open2 ffmpeg.avcodec_open2
#define avcodec_parameters_from_context ffmpeg.avcodec_parameters_from_context
#define avcodec_parameters_to_context ffmpeg.avcodec_parameters_to_context
#define avcodec_receive_frame ffmpeg.avcodec_receive_frame
#define avcodec_receive_packet ffmpeg.avcodec_receive_packet
#define avcodec_send_frame ffmpeg.avcodec_send_frame
#define avcodec_send_packet ffmpeg.avcodec_send_packet
#define av_guess_frame_rate ffmpeg.av_guess_frame_rate
#define av_guess_sample_aspect_ratio ffmpeg.av_guess_sample_aspect_ratio
#define av_read_frame ffmpeg.av_read_frame
#define av_write_frame ffmpeg.av_write_frame
#define av_write_trailer ffmpeg.av_write_trailer
#define avformat_alloc_context ffmpeg.avformat_alloc_context
#define avformat_alloc_output_context2 ffmpeg.avformat_alloc_output_context2
#define avformat_close_input ffmpeg.avformat_close_input
#define avformat_find_stream_info ffmpeg.avformat_find_stream_info
#define avformat_free_context ffmpeg.avformat_free_context
#define avformat_index_get_entries_count ffmpeg.avformat_index_get_entries_count
#define avformat_index_get_entry ffmpeg.avformat_index_get_entry
#define avformat_new_stream ffmpeg.avformat_new_stream
#define avformat_open_input ffmpeg.avformat_open_input
#define avformat_write_header ffmpeg.avformat_write_header
#define avio_alloc_context ffmpeg.avio_alloc_context
#define avio_context_free ffmpeg.avio_context_free
#define avio_flush ffmpeg.avio_flush
#define sws_freeContext ffmpeg.sws_freeContext
#define sws_getCoefficients ffmpeg.sws_getCoefficients
#define sws_getContext ffmpeg.sws_getContext
#define sws_isSupportedInput ffmpeg.sws_isSupportedInput
#define sws_scale ffmpeg.sws_scale
#define sws_setColorspaceDetails ffmpeg.sws_setColorspaceDetails
#endif
