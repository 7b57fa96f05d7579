import Confounders

/// A setting that has no effect beside the others.
package struct IneffectiveSetting: Equatable, Sendable, CustomStringConvertible {
  /// The dotted name.
  package let name: String
  /// The value.
  package let value: String
  /// The reason.
  package let reason: String

  /// The setting and the reason in one line.
  package var description: String { "\(name)=\(value) has no effect: \(reason)" }
}

extension RunConfiguration {
  /// Returns the settings of interventions that differ from the defaults and have no effect.
  ///
  /// - Parameter prompts: the prompts, of which the run uses the settings' number of confounders.
  /// - Returns: the settings by name.
  /// - Throws: `PromptSizeError`.
  package func ineffectiveInterventions(_ prompts: PromptSet) throws -> [IneffectiveSetting] {
    let confounders = Interventions(try prompts.limited(to: self.confounders), of: self)
    return try differences(from: RunConfiguration(methods: methods)).compactMap { setting in
      reason(against: setting.name, confounders).map {
        IneffectiveSetting(name: setting.name, value: setting.value.text, reason: $0)
      }
    }
  }

  /// Returns why a setting of interventions has no effect; nil if it has one or is another setting.
  private func reason(against name: String, _ confounders: Interventions) -> String? {
    guard name.hasPrefix("interventions."), name != "interventions.share" else { return nil }
    let isPrior = ["interventions.prior", "interventions.description"].contains(name)
    if name == "interventions.description", interventions.prior != .described {
      return "interventions.prior is \(interventions.prior.rawValue), not described"
    }
    // A method that sums over confounders reads P(z) itself.
    if interventionShare == 0, !(isPrior && model.method.traits.intervenes) {
      let own = interventions.share == nil ? ", the default of \(model.method.name)" : ""
      return "interventions.share is 0\(own)"
    }
    switch name {
    case "interventions.directions" where interventions.styles == .none:
      return "interventions.styles is none"
    case "interventions.directions" where confounders.styled.isEmpty:
      return "no confounder acts by its words"
    case "interventions.styles" where interventions.styles == .missing && confounders.styled.isEmpty:
      return "every confounder has a mechanism; withhold some with interventions.without, or choose all"
    case "interventions.without" where interventions.styles == .all:
      return "interventions.styles is all, so no mechanism is used"
    case "interventions.variants" where !fixesInterventions:
      return "each step draws new interventions, because no features are cached"
    default: return nil
    }
  }
}
