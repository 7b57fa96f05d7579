import Foundation

/// Numbers for people to read.
package enum NumberText {
  /// Formats a number with a full-width minus sign and separated thousands.
  package static func text(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "–" }
    let digits = String(format: "%.\(decimals)f", abs(value))
    let whole = digits.prefix { $0 != "." }
    var grouped = ""
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index) % 3 == 0 { grouped += "," }
      grouped.append(digit)
    }
    let isZero = !digits.contains { ("1"..."9").contains($0) }
    return (value < 0 && !isZero ? "−" : "") + grouped + digits.dropFirst(whole.count)
  }
}
