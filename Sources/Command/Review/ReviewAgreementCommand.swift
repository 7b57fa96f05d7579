import Foundation
import Reviewing
import Statistics
import Storage

/// The command `mcdrl review agreement`.
enum ReviewAgreementCommand: Subcommand {
  static let name = "review agreement"
  static let summary = "compare reviewers who decided the same items: Dice of masks, kappa of presence"
  static let example = "mcdrl review agreement reviews/new --json"
  static let options = NoOptions()
  static let operands = [Operand.one("REVIEW", "a review", "a folder that mcdrl review wrote")]

  static func run(_ arguments: Arguments<NoOptions>, _ console: Console) throws {
    let content = try ReviewContent(of: NativePath.url(arguments.operands[0]))
    let agreement = try ReviewAgreement(
      content, DecisionFiles.all(of: content).found, seed: arguments.common.seed)
    if console.json { return try console.result(json: agreement) }
    let decided = agreement.decisions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    console.result("decisions: " + (decided.isEmpty ? "none" : decided.joined(separator: ", ")))
    guard !agreement.pairs.isEmpty else { return console.result("no two reviewers decided the same item") }
    console.result(
      Console.table(
        ["reviewers", "items", "groups", "lesion", "first only", "second only", "none", "kappa", "Dice"],
        agreement.pairs.map { pair in
          [
            pair.reviewers.joined(separator: " – "), "\(pair.items)", "\(pair.groups)",
            "\(pair.presence.both)", "\(pair.presence.first)", "\(pair.presence.second)",
            "\(pair.presence.neither)", text(pair.kappa), text(pair.dice),
          ]
        }))
    for reason in Set(agreement.pairs.flatMap { [$0.kappa?.reason, $0.dice?.reason].compactMap { $0 } })
      .sorted()
    {
      console.result("without an interval: \(reason)")
    }
  }

  private static func text(_ interval: Interval?) -> String {
    guard let interval else { return "–" }
    return format(interval.value)
      + (interval.ends.map { " [\(format($0.lowerBound)), \(format($0.upperBound))]" } ?? "")
  }
}
