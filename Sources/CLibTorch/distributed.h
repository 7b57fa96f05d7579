// The processes that train together, as the files about them share them.
#pragma once
#include "c10d.h"
#include "door.h"

#ifdef MCDRL_HAS_C10D

#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

// The address of this machine that the other ranks reach (distributed_address.cpp).
std::string own_address(const std::string &store_address, int port, bool is_one_machine);
// Which process this is, for `has_ended` of other ranks on this machine.
std::string process_description();
// Whether the process ran on this machine and runs no more.
bool has_ended(const std::string &description);
// NCCL, where libtorch has it: null otherwise (distributed_nccl.cpp).
bool has_nccl();
c10::intrusive_ptr<c10d::Backend> make_nccl(
    const c10::intrusive_ptr<c10d::Store> &store, int rank, int count, std::chrono::milliseconds timeout);

// Connections to all ranks: for the CPU, and for another device or null; and as a reducer takes them, or null.
struct Connections {
  c10::intrusive_ptr<c10d::Backend> cpu, other;
  c10::intrusive_ptr<c10d::ProcessGroup> processes;
};

// Kept by its handle, by reducers and by graphs that gather.
class Group : public torch::CustomClassHolder {
public:
  const int rank, count;

  explicit Group(const mcdrl_group_options &options);
  ~Group() override;

  void barrier();
  void sum(const at::Tensor &tensor);
  void broadcast(const at::Tensor &tensor);
  at::Tensor gather(const at::Tensor &own, std::vector<int64_t> &rows);

  // New connections for a reducer, whose buckets go out between other calls. All ranks make theirs in one order.
  std::shared_ptr<Connections> connect_reducer();
  void leave(const std::string &message);
  std::optional<std::pair<int, std::string>> failure();
  // The cause of a connection's fault, from the store where it is there; other texts as they are.
  std::string explained(const std::string &text);
  void require_whole();
  // Lets go of connections, and waits a second for it at most: Gloo's destructor waits for calls under way.
  static void release(Connections connections) noexcept;
  int restarts() const { return restarts_; }
  c10::DeviceType other_type() const { return other_type_; }

private:
  enum class Call : int64_t { barrier, sum, broadcast, gather };

  c10::intrusive_ptr<c10d::Store> store_, messages_;
  std::vector<std::shared_ptr<::gloo::transport::Device>> devices_;
  std::chrono::milliseconds timeout_;
  c10::DeviceType other_type_;
  Connections connections_;
  bool rank_0_hosts_;
  int restarts_ = 0;
  std::vector<std::string> processes_;  // their descriptions, by rank
  // Those of reducers, which own them.
  std::vector<std::weak_ptr<Connections>> reducers_;
  // One call at a time; and what is known of a fault.
  std::mutex calls_, fault_mutex_;
  std::string fault_;

  void meet(int restarts);
  Connections connect(const std::string &name);
  template <typename Body> auto checked(Body body);
  std::vector<int64_t> agree(Call call, const at::Tensor *tensor);
  c10d::Backend &backend(const at::Tensor &tensor);
  std::string cause(const std::string &text);
  void leave_message(int rank, const std::string &message);
};

// The same as `Group::gather`, with a backward pass that is a collective call, too.
at::Tensor gather_with_gradient(
    const at::Tensor &own, const c10::intrusive_ptr<Group> &group, std::vector<int64_t> &rows);

struct mcdrl_group { c10::intrusive_ptr<Group> value; };

#endif
