// Gives the time of waiting threads back while other programs use the processors.
//
// A thread of GNU's OpenMP that waits for the others spins for some milliseconds, because to sleep and to wake costs more
// where each thread has its own processor. Where another program holds one, the waiting thread spins through the very time
// that the late one needs, at each of the thousands of loops of a network. OpenMP spins only briefly if it knows of more
// threads than processors. So while the system takes processors away from this process, a team that does nothing makes
// OpenMP know of more. The number of threads of a loop, and so each bit of its result, stays.
#include "parallel.h"
#include "CLibTorch.h"

#include <algorithm>
#include <cctype>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <unistd.h>

extern "C" {
__attribute__((weak)) int omp_get_num_procs(void);
}

namespace {

// A team of sleeping threads that lives as long as the value.
class Crowd {
 public:
  explicit Crowd(unsigned count) : thread_([this, count] {
    GOMP_parallel([](void *) {}, nullptr, count, 0);
    std::unique_lock<std::mutex> lock(mutex_);
    change_.wait(lock, [this] { return ends_; });
  }) {}

  ~Crowd() {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      ends_ = true;
    }
    change_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable change_;
  bool ends_ = false;
  std::thread thread_;
};

// What the system has counted of this process.
struct Usage {
  // How often it took a processor away.
  int64_t interruptions = 0;
  // The time on processors, in seconds.
  double seconds = 0;

  static Usage now() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    auto seconds = [](const timeval &time) { return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec); };
    return {usage.ru_nivcsw, seconds(usage.ru_utime) + seconds(usage.ru_stime)};
  }
};

// The processor time of the whole machine in seconds, with that of other machines beside this one; below 0 where the
// system does not tell.
double machine_seconds() {
  std::FILE *file = std::fopen("/proc/stat", "re");
  if (!file) return -1;
  unsigned long long user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, softirq = 0, steal = 0;
  int found = std::fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &waiting, &irq,
                          &softirq, &steal);
  std::fclose(file);
  if (found < 8) return -1;
  return static_cast<double>(user + nice + system + irq + softirq + steal) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Whether the system limits the processor time of this process, as that of a container.
bool has_quota() {
  char text[32] = "";
  for (const char *name : {"/sys/fs/cgroup/cpu.max", "/sys/fs/cgroup/cpu/cpu.cfs_quota_us"}) {
    std::FILE *file = std::fopen(name, "re");
    if (!file) continue;
    bool found = std::fscanf(file, "%31s", text) == 1;
    std::fclose(file);
    if (found) return std::isdigit(static_cast<unsigned char>(text[0])) != 0;
  }
  return false;
}

// How many processors other programs use while this process works: a mean of about half a second of that work.
class Others {
 public:
  // Takes the time of this process. Says whether others use a processor for some of the time.
  bool use(double own_seconds) {
    auto now = std::chrono::steady_clock::now();
    double machine = machine_seconds();
    if (machine < 0 || has_quota_) return true;
    double elapsed = std::chrono::duration<double>(now - time_).count();
    if (machine_ >= 0 && elapsed > 0) {
      double own = own_seconds - own_;
      // Both clocks are coarse, so a single difference may be below 0.
      double processors = (machine - machine_ - own) / elapsed;
      // What others do while this process rests takes nothing away from it.
      mean_ += (processors - mean_) * kShare * std::clamp(own / elapsed, 0.0, 1.0);
    }
    time_ = now;
    machine_ = machine;
    own_ = own_seconds;
    return mean_ >= kSome;
  }

 private:
  static constexpr double kShare = 0.1;
  // Less is the system's own work.
  static constexpr double kSome = 0.2;
  std::chrono::steady_clock::time_point time_ = std::chrono::steady_clock::now();
  double machine_ = -1, own_ = 0, mean_ = 0;
  // Who spins through a quota loses it, though no other program computes.
  const bool has_quota_ = has_quota();
};

// The longest time on a processor that counts as interrupted. Alone, a process keeps one for far longer.
constexpr double kInterrupted = 0.025;
// So many interruptions too many begin the crowd, and no more than twice as many are remembered.
constexpr double kCrowded = 3;
constexpr auto kInterval = std::chrono::milliseconds(50);
// How many intervals without interruption by others end the crowd: three seconds.
constexpr int kQuiet = 60;

void watch(unsigned count) {
  std::unique_ptr<Crowd> crowd;
  Others others;
  int quiet = 0;
  double excess = 0;
  for (Usage before = Usage::now();;) {
    std::this_thread::sleep_for(kInterval);
    Usage now = Usage::now();
    auto interruptions = static_cast<double>(now.interruptions - before.interruptions);
    // One now and then is that of the system's own work.
    double usual = std::max(0.5, (now.seconds - before.seconds) / kInterrupted);
    excess = std::clamp(excess + interruptions - usual, 0.0, 2 * kCrowded);
    before = now;
    // The threads of this process interrupt each other, too, where it has several teams.
    if (others.use(now.seconds) && excess >= kCrowded) {
      quiet = 0;
      try {
        if (!crowd) crowd = std::make_unique<Crowd>(count);
      } catch (const std::exception &) {
        return;  // The system has no more threads, and the work goes on as it is.
      }
    } else if (crowd && ++quiet == kQuiet) {
      crowd.reset();
    }
  }
}

}  // namespace

extern "C" void mcdrl_share_processors(void) {
  if (!has_workers() || !omp_get_num_procs || at::get_num_threads() < 2) return;
  // Who chose how threads wait knows better.
  for (const char *name : {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}) {
    if (std::getenv(name)) return;
  }
  int others = omp_get_num_procs() - static_cast<int>(at::get_num_threads());
  try {
    std::thread(watch, static_cast<unsigned>(std::max(0, others) + 2)).detach();
  } catch (const std::exception &) {
  }
}
