import Foundation

/// A record as readable text: one Markdown table per group.
package enum BenchmarkTable {
  /// The marks at the begin and the end of the generated part of a page.
  static let begin = "<!-- The part below is written by: mcdrl bench --table FILE --page PAGE -->"
  static let end = "<!-- end of the generated part -->"

  /// Returns the whole record as text.
  package static func markdown(_ record: BenchmarkRecord) -> String {
    var parts = [heading(record)]
    for group in BenchmarkGroup.allCases {
      let cases = record.cases.filter { $0.group == group }
      guard !cases.isEmpty else { continue }
      parts.append("### \(group.title)")
      if let best = best(cases, record) { parts.append("Ours beside the quickest peer:\n\n\(best)") }
      parts.append("All contestants:\n\n\(table(cases, record))")
    }
    if !record.missing.isEmpty {
      parts.append(
        "Not measured:\n\n"
          + record.missing.sorted { $0.key < $1.key }.map { "- \($0.key): \(escaped($0.value))" }
          .joined(separator: "\n"))
    }
    return parts.joined(separator: "\n\n") + "\n"
  }

  /// Replaces the generated part of a page, or adds it at the end.
  ///
  /// - Parameters:
  ///   - records: the records of the part, in order.
  ///   - page: the old page.
  /// - Returns: the new page.
  package static func page(_ records: [BenchmarkRecord], in page: String) -> String {
    let part = "\(begin)\n\n\(records.map(markdown).joined(separator: "\n"))\n\(end)"
    guard let first = page.range(of: begin),
      let last = page.range(of: end, range: first.upperBound..<page.endIndex)
    else { return page + (page.hasSuffix("\n") || page.isEmpty ? "" : "\n") + "\n" + part + "\n" }
    return page.replacingCharacters(in: first.lowerBound..<last.upperBound, with: part)
  }

  private static func heading(_ record: BenchmarkRecord) -> String {
    let machine = record.machine
    let versions = record.versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    var lines = [
      "Measured \(record.date) on \(machine.processor), \(machine.cores) cores, \(machine.threads) threads an "
        + "operator, \(size(Double(machine.memory))) of memory"
        + (machine.features.isEmpty ? "" : " (\(machine.features.joined(separator: ", ")))")
        + (machine.load.map { String(format: "; load when it began %.1f", $0) } ?? "") + "."
        + (machine.device.map { " Computed on \($0), by its own clock." } ?? "")
        + (record.quick ? " A short run (`--quick`): the numbers are rough." : ""),
      "Versions: \(versions.joined(separator: ", ")).",
    ]
    if !record.peaks.isEmpty {
      let peaks = record.peaks.sorted { $0.key < $1.key }.map { "\($0.key) \(rate($0.value))" }
      lines.append("Fastest matrix product of the run: \(peaks.joined(separator: ", ")).")
    }
    return lines.map(wrapped).joined(separator: "\n\n")
  }

  /// Breaks a paragraph at spaces so that no line has more than 100 characters, if its words allow.
  private static func wrapped(_ paragraph: String) -> String {
    var lines = [""]
    for word in paragraph.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty || last.count + 1 + word.count <= 100 {
        lines[lines.count - 1] = last.isEmpty ? String(word) : "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func table(_ cases: [CaseRecord], _ record: BenchmarkRecord) -> String {
    var rows = [
      [
        "case", "contestant", "precision", "median", "quartiles", "per item", "theirs / ours", "of peak",
        "differs by",
      ],
      ["---", "---", "---", "---:", "---:", "---:", "---:", "---:", "---:"],
    ]
    for one in cases {
      let comparisons = one.comparisons
      for (index, contestant) in one.contestants.enumerated() {
        let ratios = comparisons.filter { $0.peer == contestant }
        rows.append(
          [
            index == 0 ? one.name : "", contestant.name, contestant.precision ?? "",
            contestant.spread.map { value($0.median, one.unit) } ?? "failed",
            contestant.spread.map { "\(value($0.lower, one.unit)) – \(value($0.upper, one.unit))" } ?? "",
            perItem(contestant, one),
            ratios.map { text($0.ratio) + (ratios.count > 1 ? " of \($0.ours.name)" : "") }
              .joined(separator: "; "),
            contestant.role == .yardstick
              ? ""
              : one.share(of: contestant, peaks: record.peaks).map { String(format: "%.0f %%", 100 * $0) }
                ?? "",
            contestant.difference.map { String(format: "%.1e", $0) } ?? "",
          ])
      }
    }
    return rows.map { "| " + $0.map(escaped).joined(separator: " | ") + " |" }.joined(separator: "\n")
  }

  private static func text(_ ratio: Spread) -> String {
    String(format: "%.2f (%.2f – %.2f)", ratio.median, ratio.lower, ratio.upper)
  }

  /// Compares this software with the fastest peer: one row per contestant that has a peer.
  private static func best(_ cases: [CaseRecord], _ record: BenchmarkRecord) -> String? {
    var rows = [
      ["case", "ours", "precision", "best peer", "theirs / ours", "of peak", "PyTorch float32 / ours"],
      ["---", "---", "---", "---", "---:", "---:", "---:"],
    ]
    for one in cases where one.unit == .seconds {
      let eager = one.contestants.filter { $0.role == .peer && $0.precision == "float32" }
        .first {
          ["transformers", "open_clip", "pytorch", "PyTorch", "Pillow and PyTorch"].contains($0.name)
        }
      for ours in one.contestants where ours.role == .ours {
        guard let best = one.bestPeer(of: ours) else { continue }
        rows.append(
          [
            one.name, "\(ours.name) \(ours.spread.map { time($0.median) } ?? "")", ours.precision ?? "",
            "\(best.peer.name) \(best.peer.spread.map { time($0.median) } ?? "")", text(best.ratio),
            one.share(of: ours, peaks: record.peaks).map { String(format: "%.0f %%", 100 * $0) } ?? "",
            eager.flatMap { Spread.ratio(of: $0.samples, to: ours.samples) }.map(text) ?? "",
          ])
      }
    }
    guard rows.count > 2 else { return nil }
    return rows.map { "| " + $0.map(escaped).joined(separator: " | ") + " |" }.joined(separator: "\n")
  }

  private static func perItem(_ contestant: ContestantRecord, _ one: CaseRecord) -> String {
    guard let spread = contestant.spread else { return "" }
    if contestant.role == .yardstick { return contestant.operations.map { rate($0 / spread.median) } ?? "" }
    guard one.unit == .seconds, one.items > 1 else { return "" }
    return "\(time(spread.median / Double(one.items)))/\(one.item)"
  }

  private static func value(_ value: Double, _ unit: BenchmarkUnit) -> String {
    unit == .seconds ? time(value) : size(value)
  }

  /// Formats seconds with a suitable unit and three digits.
  static func time(_ seconds: Double) -> String {
    if seconds >= 10 { return String(format: "%.1f s", seconds) }
    if seconds >= 1 { return String(format: "%.2f s", seconds) }
    if seconds >= 0.1 { return String(format: "%.0f ms", seconds * 1e3) }
    if seconds >= 0.001 { return String(format: "%.2f ms", seconds * 1e3) }
    return String(format: "%.1f µs", seconds * 1e6)
  }

  /// Formats bytes as MiB or GiB.
  static func size(_ bytes: Double) -> String {
    let mebibytes = bytes / 1_048_576
    return mebibytes >= 1024
      ? String(format: "%.2f GiB", mebibytes / 1024) : String(format: "%.0f MiB", mebibytes)
  }

  private static func rate(_ operations: Double) -> String {
    String(format: "%.0f GFLOP/s", operations / 1e9)
  }

  private static func escaped(_ text: String) -> String {
    text.replacingOccurrences(of: "|", with: "\\|").replacingOccurrences(of: "\n", with: " ")
  }
}
