// Executes the tile instructions of AMX that Sources/CKernels uses, where the processor lacks them: it raises SIGILL, and
// the handler does what Intel's manual says of the instruction (volume 2, TDPBF16PS and others).
#define _GNU_SOURCE
#include "numbers.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>
#include <unistd.h>

enum { TILES = 8, ROWS = 16, BYTES = 64 };
static _Thread_local uint8_t tiles[TILES][ROWS][BYTES];
static _Thread_local uint8_t config[64];
static _Atomic int64_t executed;

static int rows_of(int tile) { return config[48 + tile]; }
static int bytes_of(int tile) { return config[16 + 2 * tile] | config[17 + 2 * tile] << 8; }

// Ends the process: an instruction that the tests do not know.
static void refuse(const char *why) {
  ssize_t ignored = write(2, why, strlen(why));
  (void)ignored;
  _exit(3);
}

// How the instruction names its operands: VEX with three bytes, no constants behind.
typedef struct {
  int prefix, opcode, mode, reg, second, base, index, scale, length;
  int64_t offset;
  bool is_relative;
} instruction;

static instruction decoded(const uint8_t *at) {
  if (at[0] != 0xc4 || (at[1] & 0x1f) != 2 || (at[2] & 0x84) != 0) refuse("tiles.c: an unknown instruction\n");
  instruction found = {.prefix = at[2] & 3, .opcode = at[3], .second = ~(at[2] >> 3) & 15, .index = -1, .base = -1};
  int form = at[4], more_reg = !(at[1] & 0x80), more_index = !(at[1] & 0x40), more_base = !(at[1] & 0x20);
  found.mode = form >> 6, found.reg = (form >> 3 & 7) + 8 * more_reg, found.length = 5;
  int rest = form & 7;
  if (found.mode == 3) {
    found.base = rest + 8 * more_base;
    return found;
  }
  int base = rest;
  if (rest == 4) {
    int bits = at[found.length++], index = (bits >> 3 & 7) + 8 * more_index;
    found.scale = 1 << (bits >> 6), base = bits & 7;
    if (index != 4) found.index = index;
  }
  bool has_base = !(base == 5 && found.mode == 0);
  if (has_base) found.base = base + 8 * more_base;
  found.is_relative = !has_base && rest == 5;
  if (found.mode == 1) {
    found.offset = (int8_t)at[found.length++];
  } else if (found.mode == 2 || !has_base) {
    int32_t offset;
    memcpy(&offset, at + found.length, sizeof offset);
    found.offset = offset, found.length += 4;
  }
  return found;
}

static int64_t value_of(const ucontext_t *context, int number) {
  static const int places[] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                               REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context->uc_mcontext.gregs[places[number]];
}

static void multiply(int sum, int left, int right) {
  if (bytes_of(left) / 4 != rows_of(right) || rows_of(sum) != rows_of(left) || bytes_of(sum) != bytes_of(right))
    refuse("tiles.c: tiles that do not fit\n");
  for (int m = 0; m < rows_of(sum); m++) {
    float parts[BYTES / 4][2] = {{0}}, row[BYTES / 4];
    uint16_t from[BYTES / 2], by[BYTES / 2];
    memcpy(from, tiles[left][m], BYTES);
    for (int k = 0; k < bytes_of(left) / 4; k++) {
      memcpy(by, tiles[right][k], BYTES);
      for (int n = 0; n < bytes_of(sum) / 4; n++)
        for (int half = 0; half < 2; half++)
          parts[n][half] = fmaf(whole(from[2 * k + half]), whole(by[2 * n + half]), parts[n][half]);
    }
    memcpy(row, tiles[sum][m], BYTES);
    for (int n = 0; n < bytes_of(sum) / 4; n++) row[n] += parts[n][0] + parts[n][1];
    memcpy(tiles[sum][m], row, BYTES);
  }
}

static void execute(int signal, siginfo_t *info, void *where) {
  (void)signal, (void)info;
  ucontext_t *context = where;
  greg_t *next = &context->uc_mcontext.gregs[REG_RIP];
  instruction now = decoded((const uint8_t *)*next);
  *next += now.length, executed++;
  int64_t address = now.offset + (now.is_relative ? *next : now.base >= 0 && now.mode != 3 ? value_of(context, now.base) : 0);
  int64_t stride = now.index >= 0 ? value_of(context, now.index) * now.scale : 0;
  enum { NONE, OF_66, OF_F3, OF_F2 };
  bool in_memory = now.mode != 3;
  if (now.opcode == 0x49 && now.prefix == NONE && in_memory) {
    memcpy(config, (const void *)(address + stride), sizeof config);
    if (config[0] != 1) refuse("tiles.c: an unknown palette\n");
    memset(tiles, 0, sizeof tiles);
  } else if (now.opcode == 0x49 && now.prefix == NONE) {
    memset(config, 0, sizeof config);
  } else if (config[0] != 1 || now.reg >= TILES) {
    refuse("tiles.c: tiles that are not configured\n");
  } else if (now.opcode == 0x49 && now.prefix == OF_F2 && !in_memory) {
    memset(tiles[now.reg], 0, sizeof tiles[0]);
  } else if (now.opcode == 0x4b && now.prefix == OF_F2 && in_memory) {
    memset(tiles[now.reg], 0, sizeof tiles[0]);
    for (int r = 0; r < rows_of(now.reg); r++)
      memcpy(tiles[now.reg][r], (const void *)(address + r * stride), bytes_of(now.reg));
  } else if (now.opcode == 0x4b && now.prefix == OF_F3 && in_memory) {
    for (int r = 0; r < rows_of(now.reg); r++)
      memcpy((void *)(address + r * stride), tiles[now.reg][r], bytes_of(now.reg));
  } else if (now.opcode == 0x5c && now.prefix == OF_F3 && !in_memory) {
    multiply(now.reg, now.base, now.second);
  } else {
    refuse("tiles.c: an unknown instruction of tiles\n");
  }
}

bool emulate_tiles(void) {
  // Such a processor executes some of the instructions itself, and the handler would miss them.
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & 1 << 24)) return false;
  struct sigaction action = {.sa_sigaction = execute, .sa_flags = SA_SIGINFO};
  return sigaction(SIGILL, &action, NULL) == 0;
}

int64_t emulated_instructions(void) { return executed; }

#else

bool emulate_tiles(void) { return false; }
int64_t emulated_instructions(void) { return 0; }

#endif
