// c10d's reducer with the connections that it uses.
#pragma once
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

class GroupReducer {
public:
  GroupReducer(
      c10::intrusive_ptr<Group> group, std::vector<at::Tensor> parameters, int64_t bucket_bytes, bool finds_unused);
  ~GroupReducer();
  void prepare_forward(bool synchronizes);
  void prepare_backward(const std::vector<at::Tensor> &outputs);

private:
  c10::intrusive_ptr<Group> group_;
  bool finds_unused_, synchronizes_ = true;
  std::shared_ptr<Connections> connections_;
  std::shared_ptr<c10d::Reducer> reducer_;
  std::shared_ptr<c10d::Logger> logger_;
  // The thread whose warnings the reducer filters, and its handler before.
  std::thread::id thread_;
  c10::WarningHandler *previous_ = nullptr;
};

struct mcdrl_reducer { GroupReducer value; };

#endif
