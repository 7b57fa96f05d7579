// A group of processes: how its ranks meet, what they say when one fails, and how they part.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include <algorithm>
#include <future>
#include <random>
#include <thread>

using namespace std::chrono_literals;

namespace {

// The longest wait for a rank that has not started yet.
constexpr std::chrono::milliseconds longest_meeting = 5min;
const std::string failure_key = "failure";

std::string key(const std::string &name, int rank) { return name + "/" + std::to_string(rank); }

std::vector<uint8_t> bytes_of(const std::string &text) { return {text.begin(), text.end()}; }

std::string text_of(const std::vector<uint8_t> &bytes) { return {bytes.begin(), bytes.end()}; }

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
  meet(options.restarts);
  devices_ = make_devices(options);
  connections_ = connect("calls");
}

// Agrees on a number of this group, which is a part of all its keys: torchrun keeps its store when it restarts a group,
// and its machines do not count restarts alike. Rank 0 answers the mark that each rank has made for itself, so that no
// rank takes an answer that was left for a process before it.
void Group::meet(int restarts) {
  auto meeting = std::min(timeout_, longest_meeting);
  auto end = std::chrono::steady_clock::now() + meeting;
  std::string number;
  auto check_missing = [&] {
    std::string missing;
    for (int i = number.empty() ? count : 1; i < count; i++)
      if (!messages_->check({key("came/" + number, i)})) missing += (missing.empty() ? "" : ", ") + std::to_string(i);
    TORCH_CHECK(false, "of ", count, " ranks these did not come within ", seconds(meeting), ": ",
                number.empty() ? "0" : missing, "; check that WORLD_SIZE is right and that all processes start");
  };
  if (rank == 0) {
    auto round = store_->add("groups", 1);
    number = std::to_string(round);
    restarts_ = std::max(static_cast<int>(round) - 1, restarts);
    std::vector<std::string> marks(count);
    for (bool all = false; !all;) {
      all = true;
      for (int i = 1; i < count; i++) {
        if (store_->check({key("came/" + number, i)})) continue;
        all = false;
        if (!store_->check({key("mark", i)})) continue;
        auto mark = text_of(store_->get(key("mark", i)));
        if (mark != marks[i]) store_->set("answer/" + mark, bytes_of(number + " " + std::to_string(restarts_)));
        marks[i] = mark;
      }
      if (!all && std::chrono::steady_clock::now() > end) check_missing();
      if (!all) std::this_thread::sleep_for(20ms);
    }
    store_->set("complete/" + number, bytes_of(""));
  } else {
    auto now = std::chrono::system_clock::now().time_since_epoch().count();
    auto mark = std::to_string(rank) + "/" + std::to_string(now) + "/" + std::to_string(std::random_device()());
    store_->set(key("mark", rank), bytes_of(mark));
    try {
      store_->wait({"answer/" + mark}, meeting);
      auto answer = text_of(store_->get("answer/" + mark));
      auto blank = answer.find(' ');
      number = answer.substr(0, blank);
      restarts_ = std::atoi(answer.c_str() + std::min(blank, answer.size()));
      store_->set(key("came/" + number, rank), bytes_of(""));
      store_->wait({"complete/" + number}, meeting);
    } catch (const std::exception &) {
      if (std::chrono::steady_clock::now() < end) throw;
      check_missing();
    }
  }
  store_ = c10::make_intrusive<c10d::PrefixStore>(number, store_);
  messages_ = c10::make_intrusive<c10d::PrefixStore>(number, messages_);
  store_->set(key("process", rank), bytes_of(process_description()));
  std::vector<std::string> all;
  for (int i = 0; i < count; i++) all.push_back(key("process", i));
  store_->wait(all, meeting);
  for (const auto &value : store_->multiGet(all)) processes_.push_back(text_of(value));
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
  auto text = text_of(messages_->get(failure_key));
  auto end = std::min(text.find(' '), text.size());
  return std::pair(std::atoi(text.c_str()), text.substr(std::min(end + 1, text.size())));
}

// The first message stays.
void Group::leave_message(int rank, const std::string &message) {
  auto text = std::to_string(rank) + " " + message.substr(0, 4000);
  messages_->compareSet(failure_key, {}, bytes_of(text));
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
    messages_->set(key("cut", rank), bytes_of(""));
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
