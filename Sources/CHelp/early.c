// Prints help and version before the shared libraries of the program initialise themselves. libtorch takes a quarter of
// a second for that, and nobody should wait so long for a page of text.
//
// The texts are those of help.txt, which RENEW_HELP writes from the declarations of the commands. Whatever this file
// does not know, such as a wrong word, goes on to the program, which answers in the same way and later.
#include "CHelp.h"

#if defined(__linux__) && defined(__has_embed)
#if __has_embed("help.txt")
#include <CLibTorch.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#pragma clang diagnostic ignored "-Wc23-extensions"
static const char texts[] = {
#embed "help.txt"
  , 0
};

// The text after a line of a form feed and this name; null if there is none.
static const char *find(const char *first, const char *second) {
  char line[96];
  int length = snprintf(line, sizeof line, "\f%s%s%s\n", first, *second ? " " : "", second);
  if (length >= (int)sizeof line || strpbrk(first, " *\f\n") || (strcmp(second, "*") && strpbrk(second, " *\f\n")))
    return NULL;
  const char *found = strstr(texts, line);
  return found ? found + length : NULL;
}

// The text of a line of a form feed and a name that no word has.
static const char *find_special(const char *line) {
  const char *found = strstr(texts, line);
  return found ? found + strlen(line) : NULL;
}

static bool is_help(const char *word) { return !strcmp(word, "--help") || !strcmp(word, "-h"); }

// Whether one of the words asks for help; after -- no word is an option.
static bool asks_for_help(char **words) {
  for (; *words && strcmp(*words, "--"); words++)
    if (is_help(*words)) return true;
  return false;
}

// The text for the words after the program's name; null if the program itself must answer.
static const char *answer(char **words) {
  const char *overview = find_special("\f*\n");
  if (!words[0] || is_help(words[0])) return overview;
  bool is_question = !strcmp(words[0], "help");
  if (is_question && !*++words) return overview;
  const char *second = words[1] ? words[1] : "";
  const char *text = *second ? find(words[0], second) : NULL;
  char **rest = text ? words + 2 : words + 1;
  if (!text) text = find(words[0], "");
  if (text) return (is_question ? !*rest : asks_for_help(rest)) ? text : NULL;
  bool names_family = !*second || (is_help(second) && !words[2]);
  return names_family ? find(words[0], "*") : NULL;
}

// Writes all bytes, and returns whether the program is done: not so if none could be written, because the program then
// says why.
static bool put(const char *text, size_t length, bool has_begun) {
  while (length > 0) {
    ssize_t count = write(STDOUT_FILENO, text, length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0 && !has_begun) return false;
    if (count <= 0) _exit(1);
    has_begun = true;
    text += count;
    length -= (size_t)count;
  }
  return true;
}

static void print_early(int count, char **words, char **environment) {
  (void)environment;
  const char *name = count > 0 ? strrchr(words[0], '/') : NULL;
  // A program of another package has methods of its own in its help.
  if (count < 1 || strcmp(name ? name + 1 : words[0], "mcdrl")) return;
  void (*handler)(int) = signal(SIGPIPE, SIG_IGN);
  bool is_done = false;
  if (count == 2 && !strcmp(words[1], "--version")) {
    const char *version = find_special("\f* --version\n");
    char line[128];
    int length = version ? snprintf(line, sizeof line, "%.*s (libtorch %s)\n", (int)strcspn(version, "\n"), version,
                                    mcdrl_version()) : 0;
    is_done = length > 0 && length < (int)sizeof line && put(line, (size_t)length, false);
  } else {
    const char *text = answer(words + 1);
    is_done = text && put(text, strcspn(text, "\f"), false);
  }
  if (is_done && close(STDOUT_FILENO) == 0) _exit(0);
  signal(SIGPIPE, handler);
}

// The dynamic linker calls the functions of this section before those of any library.
__attribute__((section(".preinit_array"), used)) static void (*const early)(int, char **, char **) = print_early;
#endif
#endif
