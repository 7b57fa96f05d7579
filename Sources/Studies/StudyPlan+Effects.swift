import Confounders
import Training

extension StudyPlan {
  /// Returns the settings of interventions that have no effect in any run of the study.
  ///
  /// - Parameter prompts: the prompts.
  /// - Returns: the settings by name, each with the reason in the first run.
  /// - Throws: `SettingsError` that names the setting, or `PromptSizeError`.
  package func ineffectiveInterventions(_ prompts: PromptSet) throws -> [IneffectiveSetting] {
    let runs = try arms.flatMap { arm in
      try candidates.map { try settings(arm, $0).ineffectiveInterventions(prompts) }
    }
    return (runs.first ?? []).filter { setting in
      runs.allSatisfy { $0.contains { ($0.name, $0.value) == (setting.name, setting.value) } }
    }
  }
}
