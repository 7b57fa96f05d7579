import Foundation
import Metrics

/// How much a prediction changes if one confounder of the same scene changes.
///
/// This is the direct test of an intervention.
package enum Counterfactual {
  /// One scene with and without one intervention.
  package struct Case: Sendable {
    /// The scene.
    package let scene: String
    /// The confounder of the intervention.
    package let confounder: String
    /// The magnification of the intervened image: 1 except for interventions on distance.
    package let zoom: Double
    /// The prediction without intervention, and its reference.
    package let before: (prediction: BinaryMask, reference: BinaryMask)
    /// The prediction under the intervention, and its reference.
    package let after: (prediction: BinaryMask, reference: BinaryMask)

    /// Makes a case from its parts.
    package init(
      scene: String, confounder: String, zoom: Double,
      before: (prediction: BinaryMask, reference: BinaryMask),
      after: (prediction: BinaryMask, reference: BinaryMask)
    ) {
      self.scene = scene
      self.confounder = confounder
      self.zoom = zoom
      self.before = before
      self.after = after
    }

    /// Computes the IoU of the two predictions, on the part of the scene that both images show.
    ///
    /// Both empty: 1.
    ///
    /// - Throws: `MetricError.sizeMismatch` if the two differ in size.
    package func agreement() throws -> Double {
      let (first, second) = (before.prediction, after.prediction)
      try BinaryMask.requireSameSize(prediction: first, reference: second)
      let (width, height) = (Double(first.width), Double(first.height))
      var (both, either) = (0, 0)
      for y in 0..<first.height {
        for x in 0..<first.width {
          // This is the place of the pixel's centre in the other image, which is enlarged about its
          // centre.
          let otherX = ((Double(x) + 0.5 - width / 2) * zoom + width / 2).rounded(.down)
          let otherY = ((Double(y) + 0.5 - height / 2) * zoom + height / 2).rounded(.down)
          guard otherX >= 0, otherY >= 0, otherX < width, otherY < height else { continue }
          let (a, b) = (first[x, y], second[Int(otherX), Int(otherY)])
          if a && b { both += 1 }
          if a || b { either += 1 }
        }
      }
      return either == 0 ? 1 : Double(both) / Double(either)
    }

    /// Scores the case.
    ///
    /// - Throws: `MetricError.sizeMismatch` if masks differ in size.
    package func score() throws -> Score {
      Score(
        scene: scene, confounder: confounder, agreement: try agreement(),
        before: try OverlapCounts(prediction: before.prediction, reference: before.reference),
        after: try OverlapCounts(prediction: after.prediction, reference: after.reference))
    }
  }

  /// The scores of one scene or image without and under one intervention.
  package struct Score: Codable, Equatable, Sendable {
    /// The scene, or the image of a site.
    package let scene: String
    /// The confounder of the intervention.
    package let confounder: String
    /// The IoU of the two predictions, on the part that both images show.
    package let agreement: Double
    /// The prediction without intervention against its reference.
    package let before: OverlapCounts
    /// The prediction under the intervention against its reference.
    package let after: OverlapCounts

    /// Whether both predictions are empty, so that their agreement says nothing.
    var isUnmarked: Bool {
      [before, after].allSatisfy { $0.truePositives + $0.falsePositives == 0 }
    }
  }

  /// The effect of one confounder over the scenes.
  package struct Row: Codable, Equatable, Sendable {
    /// The confounder.
    package let confounder: String
    /// The number of scenes.
    package let count: Int
    /// The mean IoU between the predictions with and without it.
    package let agreement: Double
    /// The lowest of these IoUs.
    package let worst: Double
    /// Mean Dice without it.
    package let diceBefore: Double
    /// Mean Dice under it.
    package let diceAfter: Double
    /// Mean IoU with the reference without it; nil in results of an earlier version.
    package let iouBefore: Double?
    /// Mean IoU with the reference under it; nil in results of an earlier version.
    package let iouAfter: Double?

    enum CodingKeys: String, CodingKey {
      case confounder
      case count = "n"
      case agreement = "mean_iou"
      case worst = "worst_iou"
      case diceBefore = "dice_without"
      case diceAfter = "dice_under"
      case iouBefore = "iou_without"
      case iouAfter = "iou_under"
    }
  }

  /// Makes a table of the summaries of several models.
  ///
  /// The columns are IoU by confounder, worst IoU, and Dice without and under the intervention. The
  /// last row is over all. Dice is necessary because an empty prediction never changes.
  ///
  /// - Parameter models: names and summaries over the same scenes.
  /// - Returns: headings and rows of text; no row without a model.
  package static func table(_ models: [(name: String, summary: Summary)]) -> (
    headings: [String], rows: [[String]]
  ) {
    func cells(_ agreement: Double, _ worst: Double, _ before: Double, _ after: Double) -> [String] {
      [agreement, worst, before, after].map { String(format: "%.3f", $0) }
    }
    func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
    let headings = models.flatMap { ["\($0.name) IoU", "worst", "Dice", "under it"] }
    let names = models.first?.summary.rows.map(\.confounder) ?? []
    let rows = names.map { name in
      [name]
        + models.flatMap { model -> [String] in
          guard let row = model.summary.rows.first(where: { $0.confounder == name }) else {
            return ["–", "–", "–", "–"]
          }
          return cells(row.agreement, row.worst, row.diceBefore, row.diceAfter)
        }
    }
    let last = models.flatMap { model in
      cells(
        model.summary.agreement, model.summary.worstCase, mean(model.summary.rows.map(\.diceBefore)),
        mean(model.summary.rows.map(\.diceAfter)))
    }
    return (["do(confounder)"] + headings, names.isEmpty ? [] : rows + [["all"] + last])
  }

  /// The meaning of the columns of `table`.
  package static let legend =
    "IoU of the predictions with and without the confounder (1: nothing moved), mean over scenes; worst: the lowest over "
    + "scenes, in the last row the mean over scenes of their lowest; Dice without and under it; two empty masks: 1"

  /// The rows by confounder, and two values over all.
  package struct Summary: Codable, Equatable, Sendable {
    /// The rows in the order of the confounders.
    package let rows: [Row]
    /// The mean over rows of the mean IoU.
    package let agreement: Double
    /// The mean over scenes of the lowest IoU under any confounder.
    package let worstCase: Double
    /// The number of scenes.
    package let scenes: Int

    enum CodingKeys: String, CodingKey {
      case rows, scenes
      case agreement = "mean_iou"
      case worstCase = "mean_worst_iou"
    }

    /// Averages the summaries of several models over the same scenes.
    ///
    /// - Throws: `MetricError.noCases` if there are none.
    package init(meanOf summaries: [Summary]) throws {
      guard let first = summaries.first else { throw MetricError.noCases("a mean of summaries") }
      func mean(_ pick: (Summary) -> Double?) -> Double {
        let values = summaries.compactMap(pick)
        return values.reduce(0, +) / Double(max(1, values.count))
      }
      rows = first.rows.map { row in
        func mean(_ key: KeyPath<Row, Double>) -> Double {
          let values = summaries.compactMap { summary in
            summary.rows.first { $0.confounder == row.confounder }?[keyPath: key]
          }
          return values.reduce(0, +) / Double(max(1, values.count))
        }
        func mean(_ key: KeyPath<Row, Double?>) -> Double? {
          let values = summaries.compactMap { summary in
            summary.rows.first { $0.confounder == row.confounder }?[keyPath: key]
          }
          return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        return Row(
          confounder: row.confounder, count: row.count, agreement: mean(\.agreement), worst: mean(\.worst),
          diceBefore: mean(\.diceBefore), diceAfter: mean(\.diceAfter), iouBefore: mean(\.iouBefore),
          iouAfter: mean(\.iouAfter))
      }
      agreement = mean(\.agreement)
      worstCase = mean(\.worstCase)
      scenes = first.scenes
    }

    /// Summarises cases.
    ///
    /// - Throws: `MetricError` if there is no case, or masks differ in size.
    package init(of cases: [Case]) throws { try self.init(ofScores: cases.map { try $0.score() }) }

    /// Summarises scores.
    ///
    /// - Throws: `MetricError.noCases` if there are none.
    package init(ofScores scores: [Score]) throws {
      guard !scores.isEmpty else { throw MetricError.noCases("a counterfactual check") }
      func mean(_ values: [Double]) -> Double { values.reduce(0, +) / Double(max(1, values.count)) }
      var names: [String] = []
      for item in scores where !names.contains(item.confounder) { names.append(item.confounder) }
      rows = names.map { name in
        let own = scores.filter { $0.confounder == name }
        return Row(
          confounder: name, count: own.count, agreement: mean(own.map(\.agreement)),
          worst: own.map(\.agreement).min() ?? 1, diceBefore: mean(own.map(\.before.dice)),
          diceAfter: mean(own.map(\.after.dice)), iouBefore: mean(own.map(\.before.iou)),
          iouAfter: mean(own.map(\.after.iou)))
      }
      agreement = mean(rows.map(\.agreement))
      let byScene = Dictionary(grouping: scores, by: \.scene)
      worstCase = mean(byScene.keys.sorted().map { byScene[$0]?.map(\.agreement).min() ?? 1 })
      scenes = byScene.count
    }
  }
}
