import Foundation
import Statistics
import Storage
import Studies

extension InterventionReport {
  /// Prints the tables of each site.
  func show(_ console: Console) throws {
    if console.json { return try console.result(json: comparisons) }
    console.result(
      "do(z) at strength \(format(setting.strength, 2)) by the mechanisms of \(setting.prompts)\n")
    for (index, comparison) in comparisons.enumerated() {
      console.result(Self.text(comparison, role: roles.indices.contains(index) ? roles[index] : nil))
    }
    console.result(Counterfactual.Comparison.legend)
    // The mean over sites has the runs of all sites again.
    let entries = comparisons.filter { $0.site != nil }.flatMap(\.arms).flatMap(\.runs)
    for finding in entries.compactMap(\.findings).joined() { console.result(finding) }
  }

  private static func text(_ comparison: Counterfactual.Comparison, role: String?) -> String {
    let site =
      comparison.site.map { "site \($0)" + (role.map { " (\($0))" } ?? "") }
      ?? "mean over sites \(comparison.sites?.joined(separator: ", ") ?? "")"
    let tables = comparison.arms.map { arm in
      (comparison.arms.count > 1 ? "\(arm.name), \(counted(arm.runs.count, "run"))\n" : "") + table(arm)
    }
    let strata = comparison.site == nil ? " within their site; each site counts alike" : ""
    let reason = comparison.arms.first?.change.mean.reason.map { "; \($0)" } ?? ""
    return """
      \(site), n = \(comparison.images)
      \((tables + differences(comparison) + pairs(comparison)).joined(separator: "\n\n"))
      \(Interval.resampling(groups: comparison.groups, images: comparison.images))\(strata)\(reason)

      """
  }

  /// Names a confounder, and says whether training withheld its mechanism.
  private static func label(_ confounder: String, withheld: Set<String>) -> String {
    withheld.contains(confounder) ? "\(confounder) (withheld)" : confounder
  }

  /// Formats the scores of an arm with a row for each confounder, and their mean in the last row.
  private static func table(_ arm: Counterfactual.Comparison.Arm) -> String {
    func mean(_ values: [Double?]) -> Double? {
      let known = values.compactMap { $0 }
      return known.isEmpty ? nil : known.reduce(0, +) / Double(known.count)
    }
    func signed(_ value: Double?) -> String {
      value.map { ($0 < 0 ? "−" : "+") + format(abs($0)) } ?? "–"
    }
    func cells(
      _ name: String, dice: (Double?, Double?, Interval?), iou: (Double?, Double?), same: Double?
    ) -> [String] {
      let change = iou.0.flatMap { before in iou.1.map { $0 - before } }
      return [
        name, format(dice.0), format(dice.1), dice.2?.signedText ?? "–", format(iou.0), format(iou.1),
        signed(change), format(same),
      ]
    }
    let rows = arm.summary.rows
    let lines = zip(rows, zip(arm.change.rows, arm.sameMasks)).map { row, own in
      cells(
        label(row.confounder, withheld: arm.withheld), dice: (row.diceBefore, row.diceAfter, own.0.dice),
        iou: (row.iouBefore, row.iouAfter), same: own.1.iou)
    }
    let last = cells(
      "mean", dice: (mean(rows.map(\.diceBefore)), mean(rows.map(\.diceAfter)), arm.change.mean),
      iou: (mean(rows.map(\.iouBefore)), mean(rows.map(\.iouAfter))), same: mean(arm.sameMasks.map(\.iou)))
    let headings = [
      "do(confounder)", "Dice", "under it", "change", "IoU", "under it", "change", "same masks",
    ]
    return Console.table(headings, lines + [last])
  }

  /// Formats the differences to the first arm; nothing for a single arm.
  private static func differences(_ comparison: Counterfactual.Comparison) -> [String] {
    guard let first = comparison.arms.first, comparison.arms.count > 1 else { return [] }
    let own = comparison.differences.filter { $0.reference == first.name }
    let withheld = comparison.arms.reduce(into: Set<String>()) { $0.formUnion($1.withheld) }
    let names = comparison.interventions.applied.map { label($0.confounder, withheld: withheld) }
    let rows = names.indices.map { row in
      [names[row]] + own.map { $0.under.rows[row].dice.signedText }
    }
    let last = ["mean"] + own.map { $0.under.mean.signedText }
    let headings = ["do(confounder)"] + own.map(\.candidate)
    return [
      "Dice under do(z) minus that of \(first.name), paired by image\n"
        + Console.table(headings, rows + [last])
    ]
  }

  /// Formats the mean difference of each pair without the first arm; nothing for two arms.
  private static func pairs(_ comparison: Counterfactual.Comparison) -> [String] {
    let others = comparison.differences.filter { $0.reference != comparison.arms.first?.name }
    guard !others.isEmpty else { return [] }
    let rows = others.map { ["\($0.candidate) − \($0.reference)", $0.under.mean.signedText] }
    return [
      "the other pairs of arms, mean over the confounders\n" + Console.table(["", "Dice under do(z)"], rows)
    ]
  }
}
