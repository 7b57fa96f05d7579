import Foundation
import Studies

/// How a study was made, as the last part of its page.
extension StudyReport {
  /// Adds data, settings, versions, hardware and time.
  func provenance(_ page: inout HTMLPage) {
    page.section("How it was made", results.description)
    page.table(
      ["site", "images", "groups", "without a lesion", "fingerprint"],
      results.sites.map {
        [$0.name, "\($0.count)", "\($0.groups)", "\($0.countEmptyReference)", results.data[$0.name] ?? "–"]
      })
    let environment = results.environment
    var rows = [
      ["seeds", results.seeds.map(String.init).joined(separator: ", ")], ["mcdrl", environment.version],
      ["libtorch", environment.libtorch], ["processor", environment.processor],
      ["vector instructions", environment.vectorInstructions], ["device", environment.device],
      ["precision of training", environment.precision], ["precision of scoring", results.scoring],
    ]
    if let timing {
      rows += [
        ["models side by side", "\(timing.workers)"],
        ["training, sum over models", String(format: "%.0f s", timing.folds.reduce(0) { $0 + $1.seconds })],
        [
          "waiting for images, share of that",
          timing.waitedShare.map { String(format: "%.1f %%", 100 * $0) } ?? "–",
        ],
        ["time", String(format: "%.0f s", timing.total)],
      ]
    }
    rows += results.settings.sorted { $0.key < $1.key }.map { [$0.key, $0.value.text] }
    for method in results.methods {
      rows += method.settings.sorted { $0.key < $1.key }.map { ["\(method.name): \($0.key)", $0.value.text] }
    }
    page.table(["setting", "value"], rows)
  }
}
