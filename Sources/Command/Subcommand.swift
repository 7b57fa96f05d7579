import Foundation
import Studies
import Torch

/// One command: what it is called, what it takes, what it does.
protocol Subcommand {
  /// The words that name it, such as `clip embed`.
  static var name: String { get }
  /// One line for the overview.
  static var summary: String { get }
  /// What stands after the name, such as `RUN --data DATA`.
  static var usage: String { get }
  /// One call that works.
  static var example: String { get }
  /// Its own options.
  static var options: [Option] { get }
  /// Whether its help lists the methods that can be named.
  static var listsMethods: Bool { get }
  /// Whether `--device` says where it computes; the others compute on the CPU.
  static var choosesDevice: Bool { get }
  /// Does the work.
  static func run(_ arguments: Arguments, _ console: Console) throws
}

/// Options that every command takes.
let commonOptions: [Option] = [
  .flag("json", "print one JSON document instead of a table"),
  .flag("quiet", "no progress on standard error"),
  .one("seed", "N", "the seed of everything random (0)"),
  .one("threads", "N", "threads of one operator (the processor's cores)"),
  .one("device", "cpu|cuda:0|mps", "where to compute (cpu)"),
  .flag("help", "show this help"),
]

extension Subcommand {
  /// On the CPU.
  static var choosesDevice: Bool { false }

  /// No.
  static var listsMethods: Bool { false }

  /// The whole help text.
  static var help: String {
    let entries = (options + commonOptions).map { option in
      (name: "--\(option.name)" + (option.value.map { " \($0)" } ?? ""), summary: option.help)
    }
    let methods = listsMethods ? "\n\nmethods (docs/reference/methods.md):\n\(columns(Arm.known))" : ""
    return """
      \(summary)

      usage: mcdrl \(name) \(usage)

      options:
      \(columns(entries))\(methods)

      example:
        \(example)
      """
  }

  /// A line for each name, what it is beside it.
  private static func columns(_ entries: [(name: String, summary: String)]) -> String {
    let width = (entries.map(\.name.count).max() ?? 0) + 2
    return entries.map { name, summary in
      "  " + name.padding(toLength: width, withPad: " ", startingAt: 0) + summary
    }.joined(separator: "\n")
  }
}

/// Results on standard output, messages and progress on standard error.
struct Console: Sendable {
  /// Whether results are one JSON document.
  let json: Bool
  /// Whether progress is kept to itself.
  let quiet: Bool
  /// Whether standard error is a terminal.
  let isTerminal = isatty(STDERR_FILENO) == 1

  /// Prints a result.
  func result(_ text: String) { print(text) }

  /// Prints a value as JSON.
  func result(json value: some Encodable) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    print(String(decoding: try encoder.encode(value), as: UTF8.self))
  }

  /// Says something on standard error.
  func note(_ text: String) {
    guard !quiet else { return }
    FileHandle.standardError.write(Data((clear + text + "\n").utf8))
  }

  /// Replaces the progress line, on a terminal only.
  func progress(_ text: String) {
    guard !quiet, isTerminal else { return }
    FileHandle.standardError.write(Data((clear + text).utf8))
  }

  private var clear: String { isTerminal ? "\r\u{1b}[2K" : "" }

  /// Rows under headings, columns aligned: the first left, the others right.
  static func table(_ headings: [String], _ rows: [[String]]) -> String {
    let all = [headings] + rows
    let widths = headings.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
    let lines = all.map { row in
      row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return column == 0 ? row[column] + space : space + row[column]
      }.joined(separator: "  ")
    }
    let rule = widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
    return ([lines[0], rule] + lines.dropFirst()).joined(separator: "\n")
  }
}

/// A progress bar with rate and time left.
struct ProgressBar {
  private let start = Date()
  private let label: String
  private let total: Int

  init(_ label: String, total: Int) {
    self.label = label
    self.total = max(1, total)
  }

  /// The line for a number of finished items.
  func line(_ done: Int, unit: String, _ extra: String = "") -> String {
    let seconds = Date().timeIntervalSince(start)
    let rate = Double(done) / max(seconds, 1e-9)
    let filled = 20 * done / total
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 20 - filled)
    let left = done > 0 ? duration(Double(total - done) / rate) : "--:--"
    return "\(label) \(bar) \(done)/\(total) \(format(rate, 1)) \(unit)/s \(left) left \(extra)"
  }
}

/// Minutes and seconds, with hours where there are any.
func duration(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  let (hours, minutes) = (whole / 3600, whole / 60 % 60)
  let tail = String(format: "%02d:%02d", minutes, whole % 60)
  return hours > 0 ? "\(hours):\(tail)" : tail
}

/// A share in whole percent; a dash where there is nothing to take it of.
func percent(_ part: Double, of whole: Double) -> String {
  whole > 0 ? String(format: "%.0f %%", 100 * part / whole) : "–"
}

/// A number with fixed decimals; a dash for none.
func format(_ value: Double?, _ decimals: Int = 3) -> String {
  value.map { String(format: "%.\(decimals)f", $0) } ?? "–"
}
