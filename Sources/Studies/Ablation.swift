/// A study of the paper by name: which arms show what one part of the method does; method, section 7.
package enum Ablation: String, CaseIterable, Sendable {
  /// The parts of the method.
  case modules
  /// M, the confounders in the dictionary.
  case dictionary
  /// Layers of the intervention network, with parameters and latency.
  case depth
  /// Dice by lesion class.
  case lesionType = "lesion-type"
  /// alpha, the share of positions that are kept.
  case region
  /// How regions are scored, and whether gradients reach the score.
  case selection
  /// The weights of L_causal and L_contrast.
  case losses
  /// When the intervention is turned on, as a share of the epochs.
  case start
  /// How the sum over confounders is carried out.
  case adjustment
  /// Where the dense features are taken from.
  case dense
  /// How much of the image tower is trained.
  case tuning
  /// What the method is held against, beside the baseline (ours).
  case controls
  /// The parts of training on interventions (ours).
  case interventions

  /// What it compares, in one line.
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
    }
  }

  /// The arms; the first is what the others are compared with, the paper's choice where there is one.
  ///
  /// - Throws: never for the arms as they stand here.
  package func arms() throws -> [Arm] {
    switch self {
    case .modules:
      return [.baseline, .withoutRegionSelection, .withoutIntervention, .mcdrl].map { Arm($0) }
    case .lesionType: return [.baseline, .mcdrl].map { Arm($0) }
    case .dictionary: return try vary("confounders", ["12", "3", "6", "9", "15"])
    case .depth: return try vary("model.intervention.depth", ["3", "1", "2", "4", "5"])
    case .region: return try vary("model.region.fraction", ["0.5", "0.25", "0.75", "1"])
    case .selection:
      return try vary("model.region.score", ["less-normal", "max", "softmax"])
        + [Arm("selection-soft", settings: ["model.region.selection=soft"])]
    case .losses:
      // One arm with the paper's weights, then each weight alone away from them.
      return try [Arm("paper-weights", settings: ["objective.causal=0.5", "objective.contrast=0.1"])]
        + ["0", "0.1", "1"].map { try Arm("causal-\($0)", settings: ["objective.causal=\($0)"]) }
        + ["0", "0.5"].map { try Arm("contrast-\($0)", settings: ["objective.contrast=\($0)"]) }
    case .start: return try vary("interventionStart", ["0.2", "0", "0.1", "0.4"])
    case .adjustment:
      return try [
        Arm("attention", settings: ["model.intervention.adjustment=attention"]),
        Arm(
          "attention-prior",
          settings: ["model.intervention.adjustment=prior", "model.intervention.prior=estimated"]),
        Arm(
          "exact", settings: ["model.intervention.adjustment=exact", "model.intervention.prior=estimated"]),
      ]
    case .dense: return try vary("model.dense", ["maskclip", "tokens", "sclip"])
    case .tuning: return try vary("tune", ["none", "last-1", "last-2", "all"])
    case .controls: return [.baseline, .mcdrl].map { Arm($0) } + Control.allCases.map(\.arm)
    case .interventions:
      return try [Arm(.mcdrl)]
        + ["segmentation", "invariance", "attention"].map {
          try Arm("no-\($0)", settings: ["interventions.\($0)=0"])
        } + [
          Control.withoutInterventions.arm,
          Arm("sites-prior", settings: ["model.intervention.prior=estimated"]),
          Arm("evidence", settings: ["model.intervention.evidence=100"]),
        ]
    }
  }

  /// The arms for a study in which validation chooses some settings.
  ///
  /// A control is nothing but what it fixes, so one that fixes a setting that is chosen is left out: `paper`, with its
  /// rate, when rates are chosen.
  ///
  /// - Parameter choices: what is chosen.
  /// - Returns: the arms that remain, and those that were left out.
  /// - Throws: never for the arms as they stand here.
  package func arms(choosing choices: [Choice]) throws -> (kept: [Arm], leftOut: [Arm]) {
    let chosen = Set(choices.map(\.setting))
    let arms = try arms()
    let leftOut =
      self == .controls
      ? arms.filter { Control(rawValue: $0.name) != nil && !chosen.isDisjoint(with: $0.names) } : []
    return (arms.filter { !leftOut.contains($0) }, leftOut)
  }

  /// One arm for each value of a setting.
  private func vary(_ setting: String, _ values: [String]) throws -> [Arm] {
    try values.map { try Arm("\(rawValue)-\($0)", settings: ["\(setting)=\($0)"]) }
  }
}
