import Foundation
import Storage

/// The output: results on standard output, notes and progress on standard error.
struct Console: Sendable {
  /// Whether results are one JSON document.
  let json: Bool
  /// Whether notes and progress are suppressed.
  let quiet: Bool
  /// Whether results are suppressed, too: in all but the first of several processes.
  var isSilent = false
  /// Whether standard error is a terminal.
  let isTerminal = isatty(STDERR_FILENO) == 1

  /// Prints a result.
  func result(_ text: String) {
    guard !isSilent else { return }
    StandardStreams.write(result: Self.printable(text))
  }

  /// Prints a value as JSON.
  func result(json value: some Encodable) throws {
    guard !isSilent else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let text = String(decoding: try encoder.encode(value), as: UTF8.self)
    // The encoder escapes control characters; a byte of a name that is no UTF-8 becomes \xE9 in the string.
    StandardStreams.write(result: NativePath.shown(text, keeping: ["\n"], backslash: "\\\\"))
  }

  /// Prints a note on standard error.
  func note(_ text: String) {
    guard !quiet else { return }
    StandardStreams.write(message: clear + Self.printable(text) + "\n")
  }

  /// Replaces the progress line, on a terminal only.
  func progress(_ text: String) {
    guard !quiet, isTerminal else { return }
    StandardStreams.write(message: clear + text)
  }

  /// Reports finished items: on a terminal in the progress line, otherwise in ten log lines.
  ///
  /// - Parameters:
  ///   - bar: the progress bar.
  ///   - done: the number of finished items, one more than in the call before.
  ///   - unit: the name of the items.
  func progress(_ bar: ProgressBar, _ done: Int, unit: String) {
    if isTerminal {
      progress(bar.line(done, unit: unit))
    } else if bar.isTenth(done) {
      note(bar.logLine(done, unit: unit))
    }
  }

  /// Returns a text for a terminal: control characters, except for new lines, are escaped.
  static func printable(_ text: String) -> String { NativePath.shown(text, keeping: ["\n"]) }

  private var clear: String { isTerminal ? "\r\u{1b}[2K" : "" }

  /// Formats rows under headings in aligned columns: the first left, the others right.
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

  /// Returns the line for a number of finished items.
  func line(_ done: Int, unit: String, _ extra: String = "") -> String {
    let seconds = Date().timeIntervalSince(start)
    let rate = Double(done) / max(seconds, 1e-9)
    let filled = 20 * done / total
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: 20 - filled)
    let left = done > 0 ? duration(Double(total - done) / rate) : "--:--"
    return "\(label) \(bar) \(done)/\(total) \(format(rate, 1)) \(unit)/s \(left) left \(extra)"
  }
}

extension ProgressBar {
  /// Returns whether another tenth of the items is finished.
  func isTenth(_ done: Int) -> Bool { 10 * done / total > 10 * (done - 1) / total }

  /// Returns "explaining: 20 of 200 images, 01:20 left".
  func logLine(_ done: Int, unit: String) -> String { "\(label): \(done) of \(total) \(unit)\(left(done))" }

  /// Returns ", 01:20 left" for a number of finished items; nothing if none or all are finished.
  func left(_ done: Int) -> String {
    guard done > 0, done < total else { return "" }
    let seconds = Date().timeIntervalSince(start)
    return ", \(duration(seconds / Double(done) * Double(total - done))) left"
  }
}

/// Returns ", 12 % of it waiting for images"; nothing if the wait is below 1 % of the time.
func waiting(_ waited: Double?, of seconds: Double) -> String {
  guard let waited, waited >= 0.01 * seconds, waited > 0 else { return "" }
  return ", \(percent(waited, of: seconds)) of it waiting for images"
}

/// Formats minutes and seconds, and hours if there are any.
func duration(_ seconds: Double) -> String {
  let whole = Int(seconds.rounded())
  let (hours, minutes) = (whole / 3600, whole / 60 % 60)
  let tail = String(format: "%02d:%02d", minutes, whole % 60)
  return hours > 0 ? "\(hours):\(tail)" : tail
}

/// Formats a fraction in whole percent; a dash if the whole is 0.
func percent(_ part: Double, of whole: Double) -> String {
  whole > 0 ? String(format: "%.0f %%", 100 * part / whole) : "–"
}

/// Formats a number with fixed decimals; a dash for none.
func format(_ value: Double?, _ decimals: Int = 3) -> String {
  value.map { String(format: "%.\(decimals)f", $0) } ?? "–"
}
