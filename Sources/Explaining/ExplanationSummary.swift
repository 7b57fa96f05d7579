import Metrics
import Statistics
import Storage

/// Statistics over all images of an explanation.
///
/// Intervals are percentiles over images, resampled by group.
package struct ExplanationSummary: Codable, Equatable, Sendable {
  /// One confounder applied at one strength, over all images.
  package struct Step: Codable, Equatable, Sendable {
    /// The applied confounder.
    package let confounder: String
    /// The strength.
    package let strength: Double
    /// Dice of the mask with the mask of the unchanged image.
    package let dice: Interval
    /// The mean IoU of the same two masks.
    package let iou: Double
    /// The mean change of the predicted share of lesion.
    package let lesionShareChange: Double
    /// The mean of 1 − cosine of F with F of the unchanged image.
    package let shift: Double
    /// The same of F_ca.
    @Nullable package var shiftIntervened: Double?
    /// The root mean square distance of F from F of the unchanged image.
    ///
    /// It is a multiple of the spread of the images.
    @Nullable package var relativeShift: Double?
    /// The same of F_ca.
    @Nullable package var relativeShiftIntervened: Double?
    /// The mean attention to the applied confounder.
    @Nullable package var attention: Double?

    enum CodingKeys: String, CodingKey {
      case confounder, strength, dice, iou, attention
      case lesionShareChange = "lesion_share_change"
      case shift = "shift_f"
      case shiftIntervened = "shift_f_ca"
      case relativeShift = "relative_shift_f"
      case relativeShiftIntervened = "relative_shift_f_ca"
    }
  }

  /// The number of images.
  package let count: Int
  /// The mean attention to each confounder, M; nil if the model has no attention.
  @Nullable package var attention: [Interval]?
  /// The standard deviation over images; near 0, the attention does not depend on the image.
  @Nullable package var attentionDeviation: [Double]?
  /// The mean zero-shot posterior of each confounder, M.
  package let zeroShot: [Interval]
  /// Dice of the masks with the intervention on and off; nil for a model without one.
  @Nullable package var off: Interval?
  /// Dice of the masks with the references, over the images that have a reference.
  @Nullable package var diceWithReference: Interval?
  /// AUC of the region score, over the images with a lesion in their reference.
  @Nullable package var regionAUC: Interval?
  /// The steps of the sweep, by confounder and increasing strength.
  package let steps: [Step]

  enum CodingKeys: String, CodingKey {
    case attention
    case count = "n"
    case attentionDeviation = "attention_sd"
    case zeroShot = "zero_shot"
    case off = "dice_intervention_off"
    case diceWithReference = "dice_with_reference"
    case regionAUC = "region_auc"
    case steps = "sweep"
  }

  init(_ images: [ExplainedImage], confounders: [String], spread: Explanation.Spread) throws {
    func interval(_ value: (ExplainedImage) -> Double?) throws -> Interval? {
      let groups = Dictionary(grouping: images, by: \.group).sorted { $0.key < $1.key }
      return try Bootstrap.mean(ofStrata: [groups.map { $0.value.compactMap(value) }])
    }
    func each(_ values: (ExplainedImage) -> [Double]?) throws -> [Interval] {
      try confounders.indices.compactMap { z in try interval { values($0)?[z] } }
    }
    count = images.count
    zeroShot = try each(\.zeroShot)
    let order = images.first?.steps.map { ($0.confounder, $0.strength) } ?? []
    steps = try order.enumerated().compactMap { index, place in
      let found = images.map { $0.steps[index] }
      guard let dice = try interval({ $0.steps[index].dice }) else { return nil }
      func root(_ distances: [Double?], _ spread: Double?) -> Double? {
        let squares = distances.compactMap { $0.map { $0 * $0 } }
        guard let mean = Self.mean(squares), let spread, spread > 0 else { return nil }
        return mean.squareRoot() / spread
      }
      var step = Step(
        confounder: place.0, strength: place.1, dice: dice, iou: Self.mean(found.map(\.iou)) ?? 0,
        lesionShareChange: Self.mean(found.map { $0.lesionShare - $0.lesionShareBefore }) ?? 0,
        shift: Self.mean(found.map(\.shift)) ?? 0, shiftIntervened: nil, relativeShift: nil,
        relativeShiftIntervened: nil, attention: nil)
      step.shiftIntervened = Self.mean(found.compactMap(\.shiftIntervened))
      step.relativeShift = root(found.map(\.distance), spread.observed)
      step.relativeShiftIntervened = root(found.map(\.distanceIntervened), spread.intervened)
      step.attention = Self.mean(found.compactMap(\.attention))
      return step
    }
    let attended = try each(\.attention)
    attention = attended.isEmpty ? nil : attended
    attentionDeviation =
      attended.isEmpty
      ? nil
      : confounders.indices.map { z in
        let squares = images.compactMap {
          $0.attention.map { ($0[z] - attended[z].value) * ($0[z] - attended[z].value) }
        }
        return (Self.mean(squares) ?? 0).squareRoot()
      }
    off = try interval { $0.off?.dice }
    diceWithReference = try interval(\.diceWithReference)
    regionAUC = try interval(\.regionAUC)
  }

  /// The strongest step of each confounder; those with the largest change of masks come first.
  package var strongest: [Step] {
    let top = steps.map(\.strength).max() ?? 0
    return steps.filter { $0.strength == top }.enumerated()
      .sorted { ($0.element.dice.value, $0.offset) < ($1.element.dice.value, $1.offset) }.map(\.element)
  }

  private static func mean(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
  }
}
