import Foundation
import Segmentation
import Training

/// A named study of the paper: its arms show the effect of one part of the method.
///
/// Method, section 7.
package enum Ablation: String, CaseIterable, Sendable {
  /// The parts of the method.
  case modules
  /// M, the number of confounders in the dictionary.
  case dictionary
  /// The number of layers of the intervention network, with parameters and latency.
  case depth
  /// Dice by lesion class.
  case lesionType = "lesion-type"
  /// alpha, the share of selected positions.
  case region
  /// The score of regions, and whether gradients reach it.
  case selection
  /// The weights of L_causal and L_contrast.
  case losses
  /// The start of the intervention, as a share of the epochs.
  case start
  /// The computation of the sum over confounders.
  case adjustment
  /// The source of the dense features.
  case dense
  /// How much of the image tower is trained.
  case tuning
  /// The comparisons of the method besides the baseline (ours).
  case controls
  /// The parts of training on interventions (ours).
  case interventions
  /// The worth of the words of confounders that no mechanism shows (ours).
  case words

  /// A one-line description.
  package var summary: String {
    switch self {
    case .modules: "baseline, without region selection, without the intervention, the whole method"
    case .dictionary: "3, 6, 9, 12 and 15 confounders"
    case .depth: "an intervention network of 1 to 5 layers, with parameters and latency"
    case .lesionType: "baseline and the whole method, by lesion class"
    case .region: "a quarter, a half, three quarters and all positions selected"
    case .selection: "regions scored by max, less-normal and softmax; soft selection"
    case .losses: "the weights of L_causal (0, 0.1, 0.5, 1) and L_contrast (0, 0.1, 0.5)"
    case .start: "the intervention on from the start, or after 10, 20 and 40 % of the epochs"
    case .adjustment: "attention, attention with the prior, the exact sum"
    case .dense: "tokens, maskclip and sclip features"
    case .tuning: "nothing, the last layer, the last two, all of the image tower trained"
    case .controls: "mcdrl beside the baseline and every control"
    case .interventions: "training on interventions without each of its parts; P(z) from the sites; evidence"
    case .words: "the baseline trained on confounders that act by their words, and four controls"
    }
  }

  /// Returns the arms.
  ///
  /// The first arm is the reference of the others. It is the paper's choice if there is one.
  ///
  /// - Throws: never for the arms as they stand here.
  package func arms() throws -> [ArmDefinition] {
    func control(_ control: Control) -> ArmDefinition { control.arm }
    switch self {
    case .modules:
      return [.baseline, control(.withoutRegionSelection), control(.withoutIntervention), .mcdrl]
    case .lesionType: return [.baseline, .mcdrl]
    case .dictionary: return try vary([12, 3, 6, 9, 15] as [Int]) { $0.confounders = $1 }
    case .depth:
      return try vary([3, 1, 2, 4, 5]) { settings, depth in
        try settings.changeMCDRL { $0.intervention?.depth = depth }
      }
    case .region:
      return try vary([0.5, 0.25, 0.75, 1], named: Self.text) { settings, fraction in
        try settings.changeMCDRL { $0.region?.fraction = fraction }
      }
    case .selection:
      return try vary([RegionScore.lessNormal, .max, .softmax], named: \.rawValue) { settings, score in
        try settings.changeMCDRL { $0.region?.score = score }
      } + [mcdrl("selection-soft") { $0.region?.selection = .soft }]
    case .losses:
      // The first arm has the paper's weights. Each other arm changes one weight.
      return try [
        mcdrl("paper-weights") { ($0.causal, $0.contrast) = (0.5, 0.1) }
      ]
        + [0, 0.1, 1].map { weight in try mcdrl("causal-\(Self.text(weight))") { $0.causal = weight } }
        + [0, 0.5].map { weight in try mcdrl("contrast-\(Self.text(weight))") { $0.contrast = weight } }
    case .start:
      return try vary([0.2, 0, 0.1, 0.4], named: Self.text) { settings, start in
        try settings.changeMCDRL { $0.start = start }
      }
    case .adjustment:
      return try [
        mcdrl("attention") { $0.intervention?.adjustment = .attention },
        mcdrl("attention-prior", { $0.interventions.prior = .estimated }) {
          $0.intervention?.adjustment = .prior
        },
        mcdrl("exact", { $0.interventions.prior = .estimated }) { $0.intervention?.adjustment = .exact },
      ]
    case .dense: return try vary(["maskclip", "tokens", "sclip"]) { $0.model.dense = $1 }
    case .tuning: return try vary([Tuning.none, .last(1), .last(2), .all]) { $0.tune = $1 }
    case .controls:
      let own: [Control] = [.withoutRegionSelection, .withoutIntervention]
      // Oracles need rendered data, so they are no part of a study of any data.
      return [.baseline, .mcdrl]
        + Control.allCases.filter { !own.contains($0) && $0.confounded == nil }.map(\.arm)
    case .interventions:
      return try [
        .mcdrl,
        ArmDefinition("no-segmentation") { $0.interventions.segmentation = 0 },
        mcdrl("no-invariance") { $0.invariance = 0 },
        mcdrl("no-attention") { $0.attention = 0 },
        control(.withoutInterventions),
        ArmDefinition("sites-prior") { $0.interventions.prior = .estimated },
        mcdrl("evidence") { $0.intervention?.evidence = 100 },
      ]
    case .words:
      return [Self.styled("no-words", by: nil)]
        + zip(["words", "shuffled-words", "random-directions", "other-images"], StyleDirections.allCases)
        .map { Self.styled($0, by: $1) }
    }
  }

  /// Makes an arm of the baseline in which the withheld confounders act inside the tower.
  ///
  /// These are the confounders of `interventions.without`, beside the mechanisms of the others. If
  /// it names none, all are withheld, and an arm without directions has no interventions.
  private static func styled(_ name: String, by directions: StyleDirections?) -> ArmDefinition {
    ArmDefinition.baseline.changing(name, "") {
      let all = $0.interventions.without.isEmpty
      let share = $0.interventions.share ?? 1
      $0.interventions.share = all && directions == nil ? 0 : share > 0 ? share : 1
      $0.interventions.styles = directions == nil ? .none : all ? .all : .missing
      $0.interventions.directions = directions ?? .words
    }
  }

  /// Returns the arms for a study in which validation chooses some settings.
  ///
  /// A control is only the settings that it fixes. So it is skipped if it fixes a setting that
  /// validation chooses: `paper`, with its rate, if rates are chosen.
  ///
  /// - Parameter choices: the settings that validation chooses.
  /// - Returns: the remaining arms, and the skipped arms with the settings that they fix.
  /// - Throws: never for the arms as they stand here.
  package func arms(
    choosing choices: [Choice]
  ) throws -> (kept: [ArmDefinition], leftOut: [(name: String, fixes: [String])]) {
    let chosen = Set(choices.map { RunConfiguration.presentName($0.setting) })
    let arms = try arms()
    guard self == .controls else { return (arms, []) }
    let leftOut = arms.compactMap { arm -> (name: String, fixes: [String])? in
      let both = Control(rawValue: arm.name)?.fixes.intersection(chosen).sorted() ?? []
      return both.isEmpty ? nil : (arm.name, both)
    }
    return (arms.filter { arm in !leftOut.contains { $0.name == arm.name } }, leftOut)
  }

  /// Makes an arm with changed options of MCDRL, which must be the common settings' method.
  private func mcdrl(
    _ name: String, _ more: @escaping @Sendable (inout RunConfiguration) -> Void = { _ in },
    _ change: @escaping @Sendable (inout MCDRL.Options) -> Void
  ) throws -> ArmDefinition {
    try ArmDefinition(name) {
      try $0.changeMCDRL(change)
      more(&$0)
    }
  }

  /// Formats a number for a name: `0.25`, `1`.
  private static func text(_ value: Double) -> String { String(format: "%g", value) }

  /// Makes one arm for each value of a setting.
  private func vary<Value: Sendable>(
    _ values: [Value], named name: (Value) -> String = { "\($0)" },
    _ change: @escaping @Sendable (inout RunConfiguration, Value) throws -> Void
  ) throws -> [ArmDefinition] {
    try values.map { value in try ArmDefinition("\(rawValue)-\(name(value))") { try change(&$0, value) } }
  }
}
