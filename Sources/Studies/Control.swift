import Metrics

/// What the method is held against, beside the baseline: the same with one thing taken away, or the baseline with what the
/// method has besides (ours).
package enum Control: String, CaseIterable, Sendable {
  /// The paper's settings, as far as it states them; the number of epochs is the study's.
  case paper
  /// MCDRL as published, without training on interventions.
  case withoutInterventions = "no-interventions"
  /// A learned constant in the place of Z.
  case withoutDictionary = "no-dictionary"
  /// Random directions in the place of Z.
  case randomDictionary = "random-dictionary"
  /// Every confounder under another's words.
  case shuffledPrompts = "shuffled-prompts"
  /// The baseline with twice the epochs: as many images as MCDRL sees with its interventions.
  case longerBaseline = "longer-baseline"
  /// The baseline shown the same interventions, as augmentation.
  case baselineInterventions = "baseline-interventions"

  /// What it is, in one line.
  package var summary: String {
    switch self {
    case .paper: "the paper's settings, as far as it states them"
    case .withoutInterventions: "mcdrl without training on interventions"
    case .withoutDictionary: "mcdrl with a learned constant in the place of the dictionary"
    case .randomDictionary: "mcdrl with random directions in the place of the dictionary"
    case .shuffledPrompts: "mcdrl with every confounder under another's words"
    case .longerBaseline: "the baseline with twice the epochs"
    case .baselineInterventions: "the baseline shown the same interventions, as augmentation"
    }
  }

  /// The arm.
  package var arm: Arm {
    let settings: [String] =
      switch self {
      case .paper:
        Arm(.mcdrl).settings + [
          "interventions.share=0", "interventionStart=0.2", "objective.dice=0", "objective.causal=0.5",
          "objective.contrast=0.1", "objective.temperature=0.5", "optimizer.learningRate=0.005",
          "model.region.score=max", "model.region.selection=hard", "model.region.fill=features",
          "model.intervention.dictionary=words", "model.intervention.depth=3",
          "model.intervention.adjustment=attention", "model.intervention.prior=uniform",
          "model.intervention.evidence=0",
        ]
      case .withoutInterventions: Arm(.mcdrl).settings + ["interventions.share=0"]
      case .withoutDictionary: Arm(.mcdrl).settings + ["model.intervention.dictionary=constant"]
      case .randomDictionary: Arm(.mcdrl).settings + ["model.intervention.dictionary=random"]
      case .shuffledPrompts: Arm(.mcdrl).settings + ["model.intervention.dictionary=shuffled"]
      case .longerBaseline: Arm(.baseline).settings + ["epochs*=2"]
      case .baselineInterventions: ["model.method=baseline", "interventions.share=1"]
      }
    return Arm(plain: rawValue, settings: settings)
  }
}
