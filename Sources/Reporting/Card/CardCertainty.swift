import Statistics
import Storage
import Studies

/// The section of a model card about how sure the model is.
extension ModelCard {
  /// The calibration at source sites, and what it expected at the sites that were scored.
  var sureness: CardDocument.Section? {
    let expected = evaluations.compactMap { item in item.certainty.map { (item, $0) } }
    guard certainty != nil || !expected.isEmpty else { return nil }
    var blocks: [CardDocument.Block] = []
    if let certainty {
      blocks += [
        .paragraph("Measured on the validation images of the training sites, each left out in turn."),
        .table(
          headings: ["left-out site", "images", "ECE before", "ECE after calibration"],
          rows: certainty.sites.map {
            [$0.site, "\($0.count)", HTMLPage.number($0.before), HTMLPage.number($0.after)]
          }),
        .facts(certainty.facts),
      ]
      if !certainty.notes.isEmpty { blocks.append(.list(certainty.notes)) }
    }
    if !expected.isEmpty {
      blocks += [
        .paragraph("What it expected at the sites that were scored, without their masks:"),
        .table(
          headings: [
            "site", "expected Dice", "true minus expected", "images unlike any training site", "ECE after",
          ],
          rows: expected.map(Self.row)),
      ]
    }
    return .init(heading: "How sure it is", blocks: blocks)
  }

  /// What a calibrated run expected at a site, in cells of a table.
  private static func row(_ evaluation: Evaluation, _ found: Expectation) -> [String] {
    let error = found.error.map { HTMLPage.signed($0, 3) }
    let unfamiliar = found.unfamiliar.map { "\($0) of \(evaluation.count)" }
    return [
      evaluation.site, HTMLPage.number(found.dice), error ?? "–", unfamiliar ?? "–",
      HTMLPage.number(found.calibrationError),
    ]
  }
}

extension ModelCard.Certainty {
  /// The single facts of a calibration.
  fileprivate var facts: [(name: String, text: String)] {
    [
      ("validation images", images.map(String.init) ?? ModelCard.notStored),
      ("measure of the uncertainty of pixels", ranking ?? ModelCard.notStored),
      (
        "expected Dice of images without masks",
        (estimate ?? ModelCard.notStored)
          + (estimateError.map { ", with an error of \(HTMLPage.number($0)) at left-out sites" } ?? "")
      ),
      (
        "warning of images unlike any training site",
        warning.map { "AUROC \(HTMLPage.number($0)) against junk" } ?? "none"
      ),
    ]
  }
}
