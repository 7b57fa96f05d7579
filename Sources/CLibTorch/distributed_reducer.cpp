// c10d's reducer: gradients in buckets, averaged over the ranks while the backward pass runs.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include "distributed_reducer.h"

#include <unordered_set>

namespace {

using c10::ivalue::Future;

// Sends a bucket and takes its mean. c10d's own hook does the same, but its errors do not name the rank that failed.
class MeanOverRanks : public c10d::CommHookInterface {
public:
  MeanOverRanks(c10::intrusive_ptr<Group> group, std::shared_ptr<Connections> connections)
      : group_(std::move(group)), connections_(std::move(connections)) {}

  c10::intrusive_ptr<Future> runHook(c10d::GradBucket &bucket) override {
    auto mean = bucket.getBuffer();
    group_->require_whole();
    // Gloo adds half precision in half precision.
    bool is_short = mean.is_cpu() && (mean.scalar_type() == at::kHalf || mean.scalar_type() == at::kBFloat16);
    std::vector<at::Tensor> sums{is_short ? mean.to(at::kFloat) : mean};
    sums[0].div_(group_->count);
    auto work = (mean.is_cpu() ? connections_->cpu : connections_->other)->allreduce(sums);
    return work->getFuture()->then(
        [group = group_, mean, sum = sums[0]](Future &future) -> c10::IValue {
          if (future.hasError()) throw std::runtime_error(group->explained(future.tryRetrieveErrorMessage()));
          if (!sum.is_same(mean)) mean.copy_(sum);
          return c10::List<at::Tensor>({mean});
        },
        c10::ListType::create(c10::TensorType::get()));
  }

  at::Tensor parseHookResult(const c10::IValue &result) override {
    return c10d::detail::parseCppCommHookResult(result);
  }

private:
  c10::intrusive_ptr<Group> group_;
  std::shared_ptr<Connections> connections_;
};

// Drops the warning that every parameter was used after all, which tells of Python's options.
struct Silence : c10::WarningHandler {
  void process(const c10::Warning &) override {}
};

// Drops the warning that a gradient's strides differ from its bucket's. They do where a dimension has size 1: the layout
// is the same.
struct Quiet : c10::WarningHandler {
  void process(const c10::Warning &warning) override {
    if (warning.msg().find("Grad strides do not match bucket view strides") == std::string::npos)
      c10::WarningHandler::process(warning);
  }
};

Quiet quiet;

// Runs a body of the reducer with errors that say what to do.
template <typename Body> void explaining(Group &group, Body body) {
  group.require_whole();
  std::string text;
  try {
    return body();
  } catch (const c10::Error &e) {
    text = e.what_without_backtrace();
  } catch (const std::exception &e) {
    text = e.what();
  }
  TORCH_CHECK(
      text.find("Expected to have finished reduction") == std::string::npos,
      "the last backward pass gave no gradient to some of the parameters: ask the reducer to find unused parameters, "
      "or leave them out");
  TORCH_CHECK(false, group.explained(text));
}

}  // namespace

GroupReducer::GroupReducer(
    c10::intrusive_ptr<Group> group, std::vector<at::Tensor> tensors, int64_t bucket_bytes, bool finds_unused)
    : group_(std::move(group)), finds_unused_(finds_unused) {
  std::vector<at::Tensor> parameters;
  std::unordered_set<at::TensorImpl *> known;  // a shared parameter once
  for (auto &tensor : tensors) {
    TORCH_CHECK(tensor.is_leaf() && tensor.requires_grad(), "a parameter is no leaf that requires gradients");
    if (known.insert(tensor.unsafeGetTensorImpl()).second) parameters.push_back(tensor);
  }
  TORCH_CHECK(bucket_bytes > 0, "a bucket must hold a byte at least, got ", bucket_bytes);
  explaining(*group_, [&] {
    connections_ = group_->connect_reducer();
    auto processes = connections_->processes;
    c10d::verify_params_across_processes(processes, parameters, {});
    std::vector<bool> sparse(parameters.size(), false);
    auto first = std::min<int64_t>(c10d::kDefaultFirstBucketBytes, bucket_bytes);
    auto [buckets, limits] = c10d::compute_bucket_assignment_by_size(
        parameters, {static_cast<size_t>(first), static_cast<size_t>(bucket_bytes)}, sparse);
    // The last parameters get their gradients first.
    std::reverse(buckets.begin(), buckets.end());
    reducer_ = std::make_shared<c10d::Reducer>(
        parameters, buckets, processes, sparse, bucket_bytes, finds_unused, /*gradient_as_bucket_view*/ false,
        std::unordered_map<size_t, std::string>{}, first, /*skip_all_reduce_unused_params*/ false,
        /*use_python_reducer*/ false, std::vector<int64_t>{});
    reducer_->register_comm_hook(std::make_unique<MeanOverRanks>(group_, connections_));
    // The reducer asks its logger, of which it keeps no reference.
    logger_ = std::make_shared<c10d::Logger>(reducer_);
    reducer_->set_logger(logger_);
    logger_->set_construction_data_and_log("model", {}, -1, false, false, false);
  });
  // For the backward passes of this thread.
  thread_ = std::this_thread::get_id();
  previous_ = c10::WarningUtils::get_warning_handler();
  c10::WarningUtils::set_warning_handler(&quiet);
}

GroupReducer::~GroupReducer() {
  if (std::this_thread::get_id() == thread_ && c10::WarningUtils::get_warning_handler() == &quiet)
    c10::WarningUtils::set_warning_handler(previous_);
  // Their destructors may throw.
  try {
    logger_.reset();
  } catch (...) {
  }
  try {
    if (reducer_) reducer_->remove_autograd_hooks();
    reducer_.reset();
  } catch (...) {
  }
  if (connections_) Group::release(std::move(*connections_));
}

void GroupReducer::prepare_forward(bool synchronizes) {
  synchronizes_ = synchronizes;
  explaining(*group_, [&] {
    if (synchronizes) reducer_->prepare_for_forward();
    reducer_->rebuild_buckets();
  });
}

void GroupReducer::prepare_backward(const std::vector<at::Tensor> &outputs) {
  if (!synchronizes_) return;
  Silence silence;
  c10::WarningUtils::WarningHandlerGuard guard(&silence);
  explaining(*group_, [&] { reducer_->prepare_for_backward(finds_unused_ ? outputs : std::vector<at::Tensor>{}); });
}

#endif
