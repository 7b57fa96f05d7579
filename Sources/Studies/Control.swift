import Segmentation
import Training

/// A comparison of the method besides the baseline (ours).
///
/// It is the method without one part, or the baseline with another advantage of the method.
package enum Control: String, CaseIterable, Sendable {
  /// The intervention with L_causal on all positions; no region selection, no L_contrast.
  case withoutRegionSelection = "no-mtrs"
  /// Region selection with L_contrast; no intervention, no L_causal.
  case withoutIntervention = "no-cdrl"
  /// The paper's settings, as far as it states them; the number of epochs is the study's.
  case paper
  /// MCDRL as published, without training on interventions.
  case withoutInterventions = "no-interventions"
  /// A learned constant instead of Z.
  case withoutDictionary = "no-dictionary"
  /// Random directions instead of Z.
  case randomDictionary = "random-dictionary"
  /// Every confounder with the words of another confounder.
  case shuffledPrompts = "shuffled-prompts"
  /// The baseline with twice the epochs, so with as many images as MCDRL and its interventions.
  case longerBaseline = "longer-baseline"
  /// The baseline on the same scenes without the link: an oracle, for rendered data alone.
  case unconfounded
  /// `baseline-interventions` on the same scenes without the link.
  case unconfoundedInterventions = "unconfounded-interventions"

  /// The arm that an oracle differs from in its scenes alone; nil for any other control.
  ///
  /// An oracle is trained on what no hospital has. Its lead is the cost of confounding.
  package var confounded: String? {
    switch self {
    case .unconfounded: ArmDefinition.baseline.name
    case .unconfoundedInterventions: ArmDefinition.baselineInterventions.name
    default: nil
    }
  }

  /// A one-line description.
  package var summary: String {
    switch self {
    case .withoutRegionSelection: "mcdrl without region selection and L_contrast"
    case .withoutIntervention: "mcdrl without the intervention and L_causal"
    case .paper: "the paper's settings, as far as it states them"
    case .withoutInterventions: "mcdrl without training on interventions"
    case .withoutDictionary: "mcdrl with a learned constant in the place of the dictionary"
    case .randomDictionary: "mcdrl with random directions in the place of the dictionary"
    case .shuffledPrompts: "mcdrl with every confounder under another's words"
    case .longerBaseline: "the baseline with twice the epochs"
    case .unconfounded: "oracle: the baseline on the same rendered scenes without the link"
    case .unconfoundedInterventions: "oracle: baseline-interventions on the scenes without the link"
    }
  }

  /// The arm.
  package var arm: ArmDefinition {
    func mcdrl(
      _ change: @escaping @Sendable (inout MCDRL.Options) -> Void
    ) -> ArmDefinition {
      ArmDefinition.mcdrl.changing(rawValue, summary) {
        $0.model.method = $0.model.method.changing(MCDRL.self, change)
      }
    }
    switch self {
    case .withoutRegionSelection: return mcdrl { $0.region = nil }
    case .withoutIntervention:
      return ArmDefinition.mcdrl.changing(rawValue, summary) {
        $0.model.method = $0.model.method.changing(MCDRL.self) { $0.intervention = nil }
        // So it is not trained on them: there is no intervention.
        $0.interventions.share = nil
      }
    case .paper:
      return ArmDefinition.mcdrl.changing(rawValue, summary) { configuration in
        configuration.interventions.share = 0
        configuration.interventions.prior = .uniform
        configuration.objective.dice = 0
        configuration.optimizer.learningRate = 0.005
        configuration.model.method = configuration.model.method.changing(MCDRL.self) { options in
          (options.start, options.causal, options.contrast, options.temperature) = (0.2, 0.5, 0.1, 0.5)
          options.region?.score = .max
          options.region?.selection = .hard
          options.region?.fill = .features
          options.intervention?.dictionary = .words
          options.intervention?.depth = 3
          options.intervention?.adjustment = .attention
          options.intervention?.evidence = 0
        }
      }
    case .withoutInterventions:
      return ArmDefinition.mcdrl.changing(rawValue, summary) { $0.interventions.share = 0 }
    case .withoutDictionary: return mcdrl { $0.intervention?.dictionary = .constant }
    case .randomDictionary: return mcdrl { $0.intervention?.dictionary = .random }
    case .shuffledPrompts: return mcdrl { $0.intervention?.dictionary = .shuffled }
    case .longerBaseline:
      return ArmDefinition.baseline.changing(rawValue, summary, assignments: ["epochs*=2"])
    case .unconfounded:
      return ArmDefinition.baseline.changing(rawValue, summary) { $0.scenes = .unlinked }
    case .unconfoundedInterventions:
      return ArmDefinition.baselineInterventions.changing(rawValue, summary) { $0.scenes = .unlinked }
    }
  }

  /// The settings that the control fixes, by dotted name; validation must not choose them.
  package var fixes: Set<String> {
    switch self {
    case .paper:
      [
        "interventions.share", "interventions.prior", "objective.dice", "optimizer.learningRate",
        "model.options.start", "model.options.causal", "model.options.contrast", "model.options.temperature",
        "model.options.region.score", "model.options.region.selection", "model.options.region.fill",
        "model.options.intervention.dictionary", "model.options.intervention.depth",
        "model.options.intervention.adjustment", "model.options.intervention.evidence",
      ]
    case .withoutRegionSelection: ["model.options.region"]
    case .withoutIntervention: ["model.options.intervention", "interventions.share"]
    case .withoutInterventions: ["interventions.share"]
    case .withoutDictionary, .randomDictionary, .shuffledPrompts: ["model.options.intervention.dictionary"]
    case .longerBaseline: ["interventions.share", "epochs"]
    case .unconfounded: ["scenes"]
    case .unconfoundedInterventions: ["scenes"]
    }
  }
}
