// What the ranks must know of their machines: addresses, and which processes still run.
#include "distributed.h"

#ifdef MCDRL_HAS_C10D

#include <cerrno>
#include <csignal>
#include <fstream>

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

bool is_loopback(const sockaddr *address) {
  if (address->sa_family == AF_INET)
    return (ntohl(reinterpret_cast<const sockaddr_in *>(address)->sin_addr.s_addr) >> 24) == 127;
  if (address->sa_family == AF_INET6)
    return IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6 *>(address)->sin6_addr);
  return false;
}

socklen_t size_of(const sockaddr *address) {
  return address->sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

std::string numeric(const sockaddr *address) {
  char text[NI_MAXHOST];
  bool failed = getnameinfo(address, size_of(address), text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0;
  return failed ? "" : text;
}

// The address that packets to another one leave from; empty without a way. Nothing is sent.
std::string source_towards(const sockaddr *target, bool allow_loopback) {
  int handle = socket(target->sa_family, SOCK_DGRAM, 0);
  if (handle < 0) return "";
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  auto *address = reinterpret_cast<sockaddr *>(&own);
  bool found = connect(handle, target, size_of(target)) == 0 && getsockname(handle, address, &size) == 0;
  close(handle);
  return found && (allow_loopback || !is_loopback(address)) ? numeric(address) : "";
}

// The first address of an interface that is up and leads out of this machine; IPv4 before IPv6.
std::string outward_address() {
  ifaddrs *all = nullptr;
  if (getifaddrs(&all) != 0) return "";
  std::string found;
  for (int family : {AF_INET, AF_INET6})
    for (auto *each = all; each && found.empty(); each = each->ifa_next) {
      if (!each->ifa_addr || each->ifa_addr->sa_family != family) continue;
      bool is_up = (each->ifa_flags & IFF_UP) && (each->ifa_flags & IFF_RUNNING);
      if (is_up && !is_loopback(each->ifa_addr)) found = numeric(each->ifa_addr);
    }
  freeifaddrs(all);
  return found;
}

// The state letter of a process, from /proc; 0 without one.
char state_of(long process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string line;
  std::getline(file, line);
  auto end = line.rfind(')');  // after the program's name, which may hold anything
  return end == std::string::npos || end + 2 >= line.size() ? 0 : line[end + 2];
}

}  // namespace

std::string own_address(const std::string &store_address, int port, bool is_one_machine) {
  if (is_one_machine) return "127.0.0.1";
  addrinfo hints{}, *targets = nullptr;
  hints.ai_socktype = SOCK_DGRAM;
  int status = getaddrinfo(store_address.c_str(), std::to_string(port).c_str(), &hints, &targets);
  TORCH_CHECK(status == 0, "MASTER_ADDR: no machine is known as \"", store_address, "\" (", gai_strerror(status), ")");
  std::string found, local;
  for (auto *each = targets; each && found.empty(); each = each->ai_next) {
    if (each->ai_family != AF_INET && each->ai_family != AF_INET6) continue;
    found = source_towards(each->ai_addr, false);
    if (local.empty()) local = source_towards(each->ai_addr, true);
  }
  freeaddrinfo(targets);
  if (!found.empty()) return found;
  // The store is on this machine. A literal loopback address says that all ranks are; a name does not, for many
  // machines know their own name by a loopback address.
  bool is_literal = store_address == "localhost" || store_address == "::1" || store_address.rfind("127.", 0) == 0;
  if (is_literal && !local.empty()) return local;
  found = outward_address();
  if (found.empty()) found = local;
  TORCH_CHECK(!found.empty(), "no network interface leads to MASTER_ADDR ", store_address,
              ": name one by the variable GLOO_SOCKET_IFNAME");
  return found;
}

std::string process_description() {
  char host[256] = "", space[64] = "";
  gethostname(host, sizeof host - 1);
  // Containers may count processes on their own, under one host name.
  ssize_t size = readlink("/proc/self/ns/pid", space, sizeof space - 1);
  if (size <= 0) space[0] = 0;
  return std::string(host) + " " + space + " " + std::to_string(getpid());
}

bool has_ended(const std::string &description) {
  auto place = description.rfind(' '), own = process_description().rfind(' ');
  if (place == std::string::npos || description.substr(0, place) != process_description().substr(0, own)) return false;
  char *end = nullptr;
  long process = std::strtol(description.c_str() + place + 1, &end, 10);
  if (process <= 0) return false;
  if (kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH) return true;
  char state = state_of(process);  // ended, and not yet known to its parent
  return state == 'Z' || state == 'X';
}

#endif
