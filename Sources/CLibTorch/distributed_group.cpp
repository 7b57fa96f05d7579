// A group of processes: how its ranks meet, what they say when one fails, and how they part.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include <algorithm>
#include <future>
#include <thread>

using namespace std::chrono_literals;

namespace {

// The longest wait for a rank that has not started yet.
constexpr std::chrono::milliseconds longest_meeting = 5min;
const std::string failure_key = "failure";

std::string key(const std::string &name, int rank) { return name + "/" + std::to_string(rank); }

bool contains(const std::string &text, const char *part) { return text.find(part) != std::string::npos; }

std::string seconds(std::chrono::milliseconds time) { return std::to_string(time.count() / 1000) + " s"; }

// The message of a process that left none.
std::string end_of(const std::string &process) {
  return "its process " + process.substr(process.rfind(' ') + 1) + " on " + process.substr(0, process.find(' ')) +
         " ended without a message, as after a kill, a crash or a lack of memory";
}

std::vector<std::shared_ptr<::gloo::transport::Device>> make_devices(const mcdrl_group_options &options) {
  std::vector<std::shared_ptr<::gloo::transport::Device>> devices;
  std::string names = options.interfaces ? options.interfaces : "";
  for (size_t start = 0; start < names.size();) {
    auto end = std::min(names.find(',', start), names.size());
    auto name = names.substr(start, end - start);
    start = end + 1;
    if (name.empty()) continue;
    try {
      devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(name));
    } catch (const std::exception &) {
      TORCH_CHECK(false, "GLOO_SOCKET_IFNAME: this machine has no network interface \"", name,
                  "\" with an address; name one that `ip address` lists");
    }
  }
  if (devices.empty())
    devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(
        own_address(options.address, options.port, options.is_one_machine)));
  return devices;
}

}  // namespace

Group::Group(const mcdrl_group_options &options)
    : rank(options.rank), count(options.count), timeout_(options.timeout),
      other_type_(static_cast<c10::DeviceType>(options.device_type)), rank_0_hosts_(options.rank_0_hosts) {
  TORCH_CHECK(other_type_ == c10::kCPU || other_type_ == c10::kCUDA, "processes train together on cpu (Gloo) or on ",
              "cuda (NCCL), not on ", c10::DeviceTypeName(other_type_, true), ": choose one of them");
  auto meeting = std::min(timeout_, longest_meeting);
  c10d::TCPStoreOptions place;
  place.port = static_cast<uint16_t>(options.port);
  place.isServer = rank_0_hosts_ && rank == 0;
  place.waitWorkers = false;
  place.timeout = meeting;
  try {
    auto store = c10::make_intrusive<c10d::TCPStore>(options.address, place);
    // What is said on failure takes a connection of its own, for calls may wait in the other.
    place.isServer = false;
    auto messages = c10::make_intrusive<c10d::TCPStore>(options.address, place);
    messages->setTimeout(10s);
    store_ = c10::make_intrusive<c10d::PrefixStore>(options.prefix, store);
    messages_ = c10::make_intrusive<c10d::PrefixStore>(options.prefix, messages);
  } catch (const c10::Error &e) {
    bool opens = rank_0_hosts_ && rank == 0;
    TORCH_CHECK(false, "the store at MASTER_ADDR ", options.address, ", MASTER_PORT ", options.port, " was not ",
                opens ? "opened" : "reached", " (", e.what_without_backtrace(), "): ",
                opens ? "choose a port that is free" : "check that rank 0 runs and that its port is open");
  }
  meet();
  devices_ = make_devices(options);
  connections_ = connect("calls");
  timeout_ = std::chrono::milliseconds(options.timeout);
}

// Tells the others that this rank is here, and waits for all of them.
void Group::meet() {
  store_->set(key("process", rank), process_description());
  std::vector<std::string> all;
  for (int i = 0; i < count; i++) all.push_back(key("process", i));
  auto meeting = std::min(timeout_, longest_meeting);
  try {
    store_->wait(all, meeting);
  } catch (const std::exception &) {
    std::string missing;
    for (int i = 0; i < count; i++)
      if (!messages_->check({all[i]})) missing += (missing.empty() ? "" : ", ") + std::to_string(i);
    TORCH_CHECK(missing.empty(), "of ", count, " ranks these did not come within ", seconds(meeting), ": ", missing,
                "; check that WORLD_SIZE is right and that all processes start");
    throw;
  }
  for (const auto &value : store_->multiGet(all)) processes_.emplace_back(value.begin(), value.end());
}

Connections Group::connect(const std::string &name) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(timeout_);
  gloo->devices = devices_;
  Connections made;
  made.cpu = c10::make_intrusive<c10d::ProcessGroupGloo>(
      c10::make_intrusive<c10d::PrefixStore>("gloo/" + name, store_), rank, count, gloo);
  if (other_type_ == c10::kCUDA) {
    made.other =
        make_nccl(c10::make_intrusive<c10d::PrefixStore>("nccl/" + name, store_), rank, count, timeout_);
    TORCH_CHECK(made.other, "this libtorch has no NCCL: build on one with CUDA (LIBTORCH), or train on cpu");
  }
  return made;
}

std::shared_ptr<Connections> Group::connect_reducer() {
  std::lock_guard lock(calls_);
  auto made = std::make_shared<Connections>(connect("reducer/" + std::to_string(reducers_.size())));
  made->processes = c10::make_intrusive<c10d::ProcessGroup>(rank, count);
  using Type = c10d::ProcessGroup::BackendType;
  made->processes->setBackend(c10::kCPU, Type::GLOO, made->cpu);
  if (made->other) made->processes->setBackend(other_type_, Type::NCCL, made->other);
  made->processes->setDefaultBackend(Type::GLOO);
  reducers_.push_back(made);
  return made;
}

Group::~Group() { release(std::move(connections_)); }

void Group::release(Connections connections) noexcept {
  if (!connections.cpu && !connections.other) return;
  // Where no thread starts, the connections stay until the process ends.
  auto *kept = new Connections(std::move(connections));
  try {
    auto done = std::make_shared<std::promise<void>>();
    auto waited = done->get_future();
    std::thread([kept, done] {
      try {
        // A reducer keeps the processes, and through them the rest.
        if (kept->processes) kept->processes->release_resources();
        delete kept;
      } catch (...) {
      }
      done->set_value();
    }).detach();
    waited.wait_for(1s);
  } catch (...) {
  }
}

void Group::require_whole() {
  std::lock_guard lock(fault_mutex_);
  TORCH_CHECK(fault_.empty(), fault_);
}

std::optional<std::pair<int, std::string>> Group::failure() {
  if (!messages_->check({failure_key})) return std::nullopt;
  auto value = messages_->get(failure_key);
  std::string text(value.begin(), value.end());
  auto end = std::min(text.find(' '), text.size());
  return std::pair(std::atoi(text.c_str()), text.substr(std::min(end + 1, text.size())));
}

// The first message stays.
void Group::leave_message(int rank, const std::string &message) {
  auto text = std::to_string(rank) + " " + message.substr(0, 4000);
  messages_->compareSet(failure_key, {}, std::vector<uint8_t>(text.begin(), text.end()));
}

void Group::leave(const std::string &message) {
  bool is_first_fault;
  {
    std::lock_guard lock(fault_mutex_);
    is_first_fault = fault_.empty();
    if (is_first_fault) fault_ = "this process has left the group after an error: " + message;
  }
  try {
    // A rank that lost the others has told them so already; it is not the cause.
    if (is_first_fault) leave_message(rank, message);
  } catch (...) {
  }
  // Closed connections tell the others, before this process ends.
  if (std::unique_lock lock(calls_, std::try_to_lock); lock) {
    release(std::move(connections_));
    for (auto &each : reducers_)
      if (auto connections = each.lock()) release(std::move(*connections));
  }
  // The store ends with this process: the others get some time to read.
  if (rank_0_hosts_ && rank == 0 && count > 1) std::this_thread::sleep_for(1s);
}

std::string Group::explained(const std::string &text) {
  bool is_fault = contains(text, "gloo/") || contains(text, "gloo::") || contains(text, "NCCL");
  if (!is_fault) return text;
  std::lock_guard lock(fault_mutex_);
  if (fault_.empty()) fault_ = cause(text);
  return fault_;
}

// Why a connection failed. A rank that fails leaves its message before it closes its connections; a killed one leaves
// none, and those of its machine see that it runs no more.
std::string Group::cause(const std::string &text) {
  bool is_late = contains(text, "Timed out") || contains(text, "imeout");
  try {
    if (rank_0_hosts_ && rank != 0) {
      // Without its host the store does not answer, and libtorch writes of that at length.
      std::this_thread::sleep_for(50ms);
      if (has_ended(processes_[0])) return "rank 0 failed first: " + end_of(processes_[0]);
    }
    messages_->set(key("cut", rank), "");
    auto end = std::chrono::steady_clock::now() + (is_late ? 0s : 1s);
    do {
      if (auto first = failure(); first && first->first != rank)
        return "rank " + std::to_string(first->first) + " failed first: " + first->second;
      for (int i = 0; i < count; i++) {
        if (i == rank || messages_->check({key("cut", i)})) continue;
        if (has_ended(processes_[i])) leave_message(i, end_of(processes_[i]));
      }
      if (!is_late) std::this_thread::sleep_for(20ms);
    } while (std::chrono::steady_clock::now() < end);
  } catch (const std::exception &) {
    // The store has ended, too.
  }
  if (is_late) {
    auto late = "not all ranks took part within " + seconds(timeout_) +
                ": one hangs, or works alone for longer than the timeout (" + text + ")";
    try {
      leave_message(rank, late);
    } catch (...) {
    }
    return late;
  }
  return "the connection to another rank closed, and no rank left a message; see the output of the other ranks and of "
         "torchrun (" + text + ")";
}

#endif
